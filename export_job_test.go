package usermgmt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// bucket keeps files in memory, and does as told when one is begun or written.
type bucket struct {
	mu       sync.Mutex
	files    map[string][]byte
	onCreate func(name string) error
	onWrite  func() error
}

type upload struct {
	b    *bucket
	name string
	buf  bytes.Buffer
}

func (u *upload) Write(p []byte) (int, error) {
	if u.b.onWrite != nil {
		if err := u.b.onWrite(); err != nil {
			return 0, err
		}
	}
	return u.buf.Write(p)
}

func (u *upload) Close() error {
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	u.b.files[u.name] = u.buf.Bytes()
	return nil
}

func (b *bucket) Create(_ context.Context, name string) (io.WriteCloser, error) {
	if b.onCreate != nil {
		if err := b.onCreate(name); err != nil {
			return nil, err
		}
	}
	return &upload{b: b, name: name}, nil
}

func (b *bucket) Open(_ context.Context, name string) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.files[name]
	if !ok {
		return nil, usermgmt.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (b *bucket) Delete(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.files, name)
	return nil
}

func (b *bucket) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.files)
}

// jobEnv is an installation with a bucket.
func jobEnv(t *testing.T) (*usermgmttest.Env, *bucket) {
	t.Helper()
	b := &bucket{files: map[string][]byte{}}
	return usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Files: b}), b
}

func runOnce(t *testing.T, m *usermgmt.Manager) error {
	t.Helper()
	_, err := m.RunOnce(t.Context())
	return err
}

func startExport(t *testing.T, e *usermgmttest.Env, a usermgmt.Actor) usermgmt.JobID {
	t.Helper()
	j, err := e.Exports().Start(t.Context(), a, usermgmt.ExportOptions{Fields: []string{"username", "email"}})
	require.NoError(t, err)
	assert.Equal(t, usermgmt.JobQueued, j.Status)
	return j.ID
}

func jobOf(t *testing.T, e *usermgmttest.Env, a usermgmt.Actor, id usermgmt.JobID) *usermgmt.Job {
	t.Helper()
	j, err := e.Exports().Job(t.Context(), a, id)
	require.NoError(t, err)
	return j
}

func lastMail(t *testing.T, e *usermgmttest.Env) usermgmt.Message {
	t.Helper()
	sent := e.Mail.Sent()
	require.NotEmpty(t, sent)
	return sent[len(sent)-1]
}

func TestAnExportRunsInTheBackground(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]func() *usermgmttest.Env{
		"files of the host":  func() *usermgmttest.Env { e, _ := jobEnv(t); return e },
		"files of the store": func() *usermgmttest.Env { return usermgmttest.NewOn(t, teststores.New(t), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			e := env()
			ctx, root := t.Context(), e.Root()
			e.AddUser("ann", nil)
			id := startExport(t, e, root)
			_, err := e.Exports().Open(ctx, root, id)
			require.ErrorIs(t, err, usermgmt.ErrConflict)
			require.NoError(t, runOnce(t, e.Manager))
			j := jobOf(t, e, root, id)
			assert.Equal(t, usermgmt.JobDone, j.Status)
			assert.Equal(t, 2, j.Rows)
			file, err := e.Exports().Open(ctx, root, id)
			require.NoError(t, err)
			text, err := io.ReadAll(file)
			require.NoError(t, err)
			require.NoError(t, file.Close())
			var direct bytes.Buffer
			_, err = e.Exports().CSV(ctx, root, &direct, usermgmt.ExportOptions{Fields: []string{"username", "email"}})
			require.NoError(t, err)
			assert.Equal(t, direct.String(), string(text), "it is what CSV writes")
			assert.Equal(t, int64(len(text)), j.Size)
			require.NoError(t, runOnce(t, e.Manager))
			mail := lastMail(t, e)
			assert.Equal(t, usermgmt.MailExported, mail.Kind)
			assert.Equal(t, "root@acme.test", mail.To)
			page, err := e.Exports().Jobs(ctx, root, usermgmt.ListQuery{})
			require.NoError(t, err)
			require.Len(t, page.Items, 1)
		})
	}
}

func TestExportsInTheBackgroundAreRecorded(t *testing.T) {
	t.Parallel()
	e, _ := jobEnv(t)
	ctx, root := t.Context(), e.Root()
	id := startExport(t, e, root)
	require.NoError(t, runOnce(t, e.Manager))
	_, err := e.Exports().Open(ctx, root, id)
	require.NoError(t, err)
	list, err := e.Audit().List(ctx, root, usermgmt.AuditQuery{Operator: e.Administrator.ID, Limit: 4})
	require.NoError(t, err)
	var got []string
	for _, entry := range list {
		got = append(got, entry.Verb+" "+entry.Outcome.String())
	}
	assert.Equal(t, []string{"export.open done", "user.export done", "user.export attempted", "export.start done"}, got)
	assert.Equal(t, "job "+id.String(), list[1].Detail.Reason)
}

func TestOneExportOfAUserAtATime(t *testing.T) {
	t.Parallel()
	e, _ := jobEnv(t)
	root := e.Root()
	var started, taken atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			_, err := e.Exports().Start(t.Context(), root, usermgmt.ExportOptions{})
			switch {
			case err == nil:
				started.Add(1)
			case errors.Is(err, usermgmt.ErrConflict):
				taken.Add(1)
			default:
				t.Errorf("start: %v", err)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(1), started.Load())
	assert.Equal(t, int64(63), taken.Load())
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	startExport(t, e, e.As(ann.ID))
	require.NoError(t, runOnce(t, e.Manager))
	startExport(t, e, root)
}

// Two processes do each job once.
func TestExportsRunOnceHoweverManyProcessesThereAre(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	admin := e.Profile(usermgmt.ProfileAdministrator)
	actors := make([]usermgmt.Actor, 8)
	jobs := make([]usermgmt.JobID, len(actors))
	for i := range actors {
		actors[i] = e.As(e.AddUser(fmt.Sprintf("admin%d", i), func(n *usermgmt.NewUser) { n.Profile = admin }).ID)
		jobs[i] = startExport(t, e, actors[i])
	}
	var begun atomic.Int64
	b.onCreate = func(string) error { begun.Add(1); return nil }
	other := e.NewManager(&usermgmt.Config{Files: b})
	var wg sync.WaitGroup
	for _, m := range []*usermgmt.Manager{e.Manager, other, e.Manager, other} {
		wg.Go(func() {
			_, err := m.RunOnce(t.Context())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, int64(len(jobs)), begun.Load())
	for i, id := range jobs {
		assert.Equal(t, usermgmt.JobDone, jobOf(t, e, actors[i], id).Status)
	}
}

func TestAnExportRunsWithTheRightsOfThatMoment(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	ctx, root := t.Context(), e.Root()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	id := startExport(t, e, e.As(ann.ID))
	mem, err := e.Members().Get(ctx, root, ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	regular, admin := e.Profile(usermgmt.ProfileRegularUser), e.Profile(usermgmt.ProfileAdministrator)
	mem, err = e.Members().Update(ctx, root, ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Profile: &regular})
	require.NoError(t, err)
	require.NoError(t, runOnce(t, e.Manager))
	a := e.As(ann.ID)
	j := jobOf(t, e, a, id)
	assert.Equal(t, usermgmt.JobFailed, j.Status)
	assert.Contains(t, j.Reason, "user.export")
	assert.Zero(t, b.count())
	require.NoError(t, runOnce(t, e.Manager))
	assert.Equal(t, usermgmt.MailExportFailed, lastMail(t, e).Kind)

	_, err = e.Members().Update(ctx, root, ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Profile: &admin})
	require.NoError(t, err)
	id = startExport(t, e, e.As(ann.ID))
	require.NoError(t, e.Users().Disable(ctx, root, ann.ID))
	require.NoError(t, runOnce(t, e.Manager))
	require.NoError(t, e.Users().Enable(ctx, root, ann.ID))
	assert.Contains(t, jobOf(t, e, e.As(ann.ID), id).Reason, "disabled")
}

// A key that is narrower than its owner exports no more in the background.
func TestAnExportIsNoWiderThanTheKeyThatAskedForIt(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	ctx := t.Context()
	key, err := e.APIKeys().Generate(ctx, e.Root(), usermgmt.KeyRequest{User: e.Administrator.ID, Permissions: []usermgmt.Permission{usermgmt.PermUserExport}})
	require.NoError(t, err)
	a, err := e.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.NoError(t, err)
	e.AddUser("ann", nil)
	direct, err := e.Exports().CSV(ctx, a, io.Discard, usermgmt.ExportOptions{})
	require.NoError(t, err)
	id := startExport(t, e, a)
	require.NoError(t, runOnce(t, e.Manager))
	assert.Equal(t, direct, jobOf(t, e, a, id).Rows, "without user.view nobody but oneself is seen")
	assert.Less(t, direct, 2)
	assert.Equal(t, 1, b.count())
}

func TestExportsBelongToWhoeverStartedThem(t *testing.T) {
	t.Parallel()
	e, _ := jobEnv(t)
	ctx, root := t.Context(), e.Root()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	a := e.As(ann.ID)
	id := startExport(t, e, a)
	require.NoError(t, runOnce(t, e.Manager))
	_, err := e.Exports().Job(ctx, root, id)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	_, err = e.Exports().Open(ctx, root, id)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	require.ErrorIs(t, e.Exports().Cancel(ctx, root, id), usermgmt.ErrNotFound)
	proxied, err := e.Proxy().Login(ctx, e.Login("root").Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	require.NoError(t, err)
	_, err = e.Exports().Open(ctx, proxied.Actor, id)
	require.ErrorIs(t, err, usermgmt.ErrNotFound, "acting as somebody does not give their files")
	_, err = e.Exports().Open(ctx, a, id)
	require.NoError(t, err)
}

func TestFilesOfExportsAreKeptFourteenDays(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	ctx := t.Context()
	id := startExport(t, e, e.Root())
	require.NoError(t, runOnce(t, e.Manager))
	e.Clock.Advance(usermgmt.FileLifetime - time.Microsecond)
	_, err := e.Exports().Open(ctx, e.Root(), id)
	require.NoError(t, err)
	require.NoError(t, runOnce(t, e.Manager))
	assert.Equal(t, 1, b.count())
	e.Clock.Advance(time.Microsecond)
	_, err = e.Exports().Open(ctx, e.Root(), id)
	require.ErrorIs(t, err, usermgmt.ErrNotFound, "though nobody has tidied yet")
	page, err := e.Exports().Jobs(ctx, e.Root(), usermgmt.ListQuery{})
	require.NoError(t, err)
	assert.Empty(t, page.Items)
	e.Clock.Advance(time.Second)
	require.NoError(t, runOnce(t, e.Manager))
	assert.Zero(t, b.count())
	_, err = e.Store.JobByID(ctx, id)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}

func TestCancelledExportsLeaveNoFile(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	ctx, root := t.Context(), e.Root()
	id := startExport(t, e, root)
	require.NoError(t, e.Exports().Cancel(ctx, root, id))
	require.ErrorIs(t, e.Exports().Cancel(ctx, root, id), usermgmt.ErrConflict)
	require.NoError(t, runOnce(t, e.Manager))
	assert.Equal(t, usermgmt.JobCancelled, jobOf(t, e, root, id).Status)

	id = startExport(t, e, root)
	b.onCreate = func(string) error { // while it runs
		e.Clock.Advance(30 * time.Second)
		return e.Exports().Cancel(ctx, root, id)
	}
	require.NoError(t, runOnce(t, e.Manager))
	assert.Equal(t, usermgmt.JobCancelled, jobOf(t, e, root, id).Status)
	assert.Zero(t, b.count())

	id = startExport(t, e, root)
	b.onCreate = nil
	b.onWrite = func() error { return e.Exports().Cancel(ctx, root, id) } // too late to be noticed but at the end
	require.NoError(t, runOnce(t, e.Manager))
	assert.Equal(t, usermgmt.JobCancelled, jobOf(t, e, root, id).Status)
	assert.Zero(t, b.count(), "a file that nobody can fetch is not kept")
}

func TestProgressOfAnExportIsSeen(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	for i := range 70 { // more than a window of rows
		e.AddUser(fmt.Sprintf("user%d", i), nil)
	}
	root := e.Root()
	id := startExport(t, e, root)
	var seen *usermgmt.Job
	b.onCreate = func(string) error { e.Clock.Advance(30 * time.Second); return nil }
	b.onWrite = func() error { seen = jobOf(t, e, e.Root(), id); return nil }
	require.NoError(t, runOnce(t, e.Manager))
	require.NotNil(t, seen)
	assert.Equal(t, usermgmt.JobRunning, seen.Status)
	assert.Equal(t, 64, seen.Rows)
	assert.True(t, seen.LeaseUntil.After(e.Clock.Now()))
	assert.Equal(t, 71, jobOf(t, e, e.Root(), id).Rows)
}

// A process that dies leaves the job to another; one that was only slow must not
// spoil what that does.
func TestAnExportIsTakenOverFromAProcessThatDied(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	ctx, root := t.Context(), e.Root()
	id := startExport(t, e, root)
	late := false
	b.onCreate = func(string) error { // this one sleeps until another has done the job
		if late {
			return nil
		}
		late = true
		e.Clock.Advance(6 * time.Minute)
		return runOnce(t, e.NewManager(&usermgmt.Config{Files: b}))
	}
	require.NoError(t, runOnce(t, e.Manager))
	j := jobOf(t, e, e.Root(), id)
	assert.Equal(t, usermgmt.JobDone, j.Status)
	assert.Equal(t, 2, j.Tries)
	assert.Equal(t, 1, b.count(), "the late one leaves no file")
	file, err := e.Exports().Open(ctx, e.Root(), id)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "username,email\r\n"))
}

func TestAnExportThatFailsIsTriedThreeTimes(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	id := startExport(t, e, e.Root())
	away := errors.New("the bucket is away")
	tries := 0
	b.onWrite = func() error { tries++; return away }
	for range 3 {
		require.ErrorIs(t, runOnce(t, e.Manager), away)
		require.NoError(t, runOnce(t, e.Manager), "and not again at once")
		assert.Equal(t, usermgmt.JobRunning, jobOf(t, e, e.Root(), id).Status)
		e.Clock.Advance(4 * time.Minute)
	}
	require.NoError(t, runOnce(t, e.Manager))
	assert.Equal(t, usermgmt.JobFailed, jobOf(t, e, e.Root(), id).Status)
	assert.Equal(t, 3, tries)
	assert.Zero(t, b.count())
	b.onWrite = nil
	startExport(t, e, e.Root()) // one may try again
	require.NoError(t, runOnce(t, e.Manager))
}

func TestAnExportStopsWithItsProcess(t *testing.T) {
	t.Parallel()
	e, b := jobEnv(t)
	id := startExport(t, e, e.Root())
	ctx, stop := context.WithCancel(t.Context())
	b.onCreate = func(string) error { stop(); return nil }
	_, err := e.RunOnce(ctx)
	require.ErrorIs(t, err, context.Canceled)
	b.onCreate = nil
	require.NoError(t, runOnce(t, e.Manager), "another one goes on at once")
	assert.Equal(t, usermgmt.JobDone, jobOf(t, e, e.Root(), id).Status)
}

func TestFilesInTheStoreAreBounded(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	files := usermgmt.StoreFiles(e.Store)
	ctx := t.Context()
	_, err := files.Open(ctx, "none")
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	for _, size := range []int{0, 1, 1 << 20, 1<<20 + 1, 3<<20 - 7} {
		data := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
		w, err := files.Create(ctx, "f")
		require.NoError(t, err)
		for part := range slices.Chunk(data, 100_000) {
			_, err := w.Write(part)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		r, err := files.Open(ctx, "f")
		require.NoError(t, err)
		back, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(data, back), "%d bytes", size)
		require.NoError(t, files.Delete(ctx, "f"))
		_, err = files.Open(ctx, "f")
		require.ErrorIs(t, err, usermgmt.ErrNotFound)
		require.NoError(t, files.Delete(ctx, "f"))
	}
}

// The file is as good as the export: fetching it needs a proof as fresh.
func TestFetchingAnExportNeedsAFreshProof(t *testing.T) {
	t.Parallel()
	e, _ := jobEnv(t)
	id := startExport(t, e, e.Root())
	require.NoError(t, runOnce(t, e.Manager))
	stale, err := e.ActorFor(t.Context(), usermgmt.ActorRequest{User: e.Administrator.ID})
	require.NoError(t, err)
	_, err = e.Exports().Open(t.Context(), stale, id)
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	_, err = e.Exports().Open(t.Context(), e.Root(), id)
	require.NoError(t, err)
}
