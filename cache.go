package usermgmt

import (
	"sync"
	"sync/atomic"
)

const cacheShards = 64

// cache is a map within a budget of bytes. When a shard is over its part,
// entries that were not used since the last sweep go first. A nil cache is
// empty and keeps nothing.
type cache[K comparable, V any] struct {
	spread func(K) byte // equal keys give equal bytes, and other keys any
	budget int64        // per shard
	shards [cacheShards]cacheShard[K, V]
}

type cacheShard[K comparable, V any] struct {
	mu    sync.RWMutex
	items map[K]*cacheItem[V]
	bytes int64
	_     [64]byte // keeps neighbours' locks off one cache line
}

type cacheItem[V any] struct {
	value V
	bytes int64
	used  atomic.Bool
}

func newCache[K comparable, V any](budget int64, spread func(K) byte) *cache[K, V] {
	c := &cache[K, V]{spread: spread, budget: budget / cacheShards}
	for i := range c.shards {
		c.shards[i].items = make(map[K]*cacheItem[V])
	}
	return c
}

func (c *cache[K, V]) shard(key K) *cacheShard[K, V] {
	return &c.shards[c.spread(key)%cacheShards]
}

func (c *cache[K, V]) get(key K) (value V, ok bool) {
	if c == nil {
		return value, false
	}
	s := c.shard(key)
	s.mu.RLock()
	item := s.items[key]
	s.mu.RUnlock()
	if item == nil {
		return value, false
	}
	if !item.used.Load() {
		item.used.Store(true)
	}
	return item.value, true
}

// put keeps value, which takes about so many bytes. A value larger than a
// shard's part is kept alone.
func (c *cache[K, V]) put(key K, value V, bytes int64) {
	if c == nil {
		return
	}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.items[key]; old != nil {
		s.bytes -= old.bytes
	}
	item := &cacheItem[V]{value: value, bytes: bytes}
	item.used.Store(true)
	s.items[key] = item
	s.bytes += bytes
	for sweep := 0; s.bytes > c.budget && sweep < 2 && len(s.items) > 1; sweep++ {
		for k, it := range s.items {
			if s.bytes <= c.budget {
				break
			}
			if k == key || it.used.Swap(false) && sweep == 0 {
				continue
			}
			s.bytes -= it.bytes
			delete(s.items, k)
		}
	}
}
