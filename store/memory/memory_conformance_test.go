package memory_test

import (
	"testing"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/storetest"
)

func newStore(testing.TB) usermgmt.Store { return memory.New() }

func TestConformance(t *testing.T) { storetest.Run(t, newStore) }

func TestConformanceConcurrent(t *testing.T) { storetest.RunConcurrent(t, newStore) }
