//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// watch waits until its standard input ends, which happens when the owner closes
// the pipe or dies of whatever cause. It then ends the processes that are listed
// in $1/run and removes $1. A process enters the list before it becomes the
// program that it is for (see enlist), so that renaming the list ends all entries.
const watch = `
trap '' HUP INT QUIT TERM
alive() {
	kill -0 "$1" 2>/dev/null || return 1
	[ -r "/proc/$1/stat" ] || return 0
	read -r _ _ state _ <"/proc/$1/stat" && [ "$state" != Z ]
}
while read -r _; do :; done
cd "$1" || exit 0
mv run ended || exit 1
pids=$(ls ended)
for p in $pids; do kill -CONT "$p"; kill -QUIT "$p"; done
for p in $pids; do
	n=0
	while [ $n -lt 200 ] && alive "$p"; do sleep 0.02; n=$((n+1)); done
	kill -KILL "$p"
	kill -KILL "-$p"
done
if [ -f data/postmaster.pid ]; then # killed: its System V segment is still there
	shm=$(sed -n '7s/.* //p' data/postmaster.pid)
	[ -z "$shm" ] || ipcrm -m "$shm"
fi
cd /
n=0
while [ -e "$1" ] && [ $n -lt 50 ]; do rm -rf "$1" || sleep 0.1; n=$((n+1)); done
`

const enlist = `: >"$1/run/$$" || exit 125; shift; exec "$@"`

// A guard is a directory and the processes that work in it, both of which end
// with this process.
type guard struct {
	dir     string
	account *syscall.Credential // nil: this process's own
	pipe    *os.File            // the watchdog lives as long as this is open
	gone    chan struct{}       // closed when the watchdog has ended
	stop    sync.Once
}

// A proc is a process under a guard.
type proc struct {
	process *os.Process
	done    chan struct{} // closed when the process has ended, which sets err
	err     error
}

// newGuard makes a directory, on a disk if its contents are to be durable, and starts
// the watchdog over it.
func newGuard(durable bool) (*guard, error) {
	account, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := makeDir(account, durable)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	g := &guard{dir: dir, account: account, pipe: w, gone: make(chan struct{})}
	cmd := g.command("sh", "-c", watch, "sh", dir)
	cmd.Stdin, cmd.Dir = r, "/"
	err = cmd.Start()
	r.Close() // the watchdog has its own
	if err != nil {
		w.Close()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() {
		cmd.Wait() // its status says nothing: the directory does
		close(g.gone)
		w.Close() // also keeps the pipe from being collected, and so closed, before
	}()
	return g, nil
}

// unprivileged returns the account that a process of root's runs servers under,
// since they refuse to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("%w: this is root, and there is neither a user postgres nor nobody to run it as", ErrNoServer)
}

// makeDir makes the directory where the account can reach it and where the path of
// a socket in it is not too long, which are 104 bytes on some systems.
func makeDir(account *syscall.Credential, durable bool) (string, error) {
	parent := os.TempDir()
	if memory := memoryDir(); memory != "" && !durable && os.Getenv("TMPDIR") == "" {
		parent = memory
	}
	if len(parent) > 60 || account != nil && !reachable(parent) {
		parent = "/tmp"
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "usermgmt-pg")
	if err != nil {
		return "", err
	}
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if account != nil {
		for _, d := range []string{run, dir} {
			if err := os.Chown(d, int(account.Uid), int(account.Gid)); err != nil {
				return "", errors.Join(err, os.RemoveAll(dir))
			}
		}
	}
	return dir, nil
}

// reachable tells whether everybody can enter the directory and those above it,
// and make and remove entries in it.
func reachable(dir string) bool {
	for want := fs.FileMode(0o003); ; want = 0o001 {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&want != want {
			return false
		}
		if up := filepath.Dir(dir); up != dir {
			dir = up
			continue
		}
		return true
	}
}

// command returns a command that runs in the directory under the account, in a
// session of its own so that no signal of a terminal reaches it, and shares
// neither open files nor settings with this process.
func (g *guard) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = g.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + g.dir}
	for _, name := range []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v := os.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: g.account}
	return cmd
}

// spawn starts a program under the guard. What it prints goes to the end of the
// file log in the directory.
func (g *guard) spawn(log string, name string, args ...string) (*proc, error) {
	f, err := os.OpenFile(filepath.Join(g.dir, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the program has its own
	cmd := g.command("sh", append([]string{"-c", enlist, "sh", g.dir, name}, args...)...)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &proc{process: cmd.Process, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		os.Remove(filepath.Join(g.dir, "run", strconv.Itoa(p.process.Pid))) // gone too if the guard is
		close(p.done)
	}()
	return p, nil
}

// close ends the processes and removes the directory.
func (g *guard) close() error {
	g.stop.Do(func() { g.pipe.Close() })
	<-g.gone
	if _, err := os.Stat(g.dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pgserver: %s is still there: %v", g.dir, err)
	}
	return nil
}

// own gives a file to the account.
func (g *guard) own(path string) error {
	if g.account == nil {
		return nil
	}
	return os.Chown(path, int(g.account.Uid), int(g.account.Gid))
}

// killTree kills a process and its children at once, so that none of them gets to
// act on the end of another, and returns the children.
func (p *proc) killTree() ([]int, error) {
	// A process that stands still makes no further children.
	if err := p.process.Signal(syscall.SIGSTOP); err != nil {
		return nil, err
	}
	for { // the signal takes effect when the process runs next
		state, _ := procState(fmt.Sprintf("/proc/%d/stat", p.process.Pid))
		if state != "R" && state != "S" && state != "D" {
			break // or there is no /proc to tell
		}
		time.Sleep(100 * time.Microsecond)
	}
	children, err := childrenOf(p.process.Pid)
	for _, c := range children {
		syscall.Kill(c, syscall.SIGKILL) // may have ended by itself
	}
	return children, errors.Join(err, p.process.Kill())
}

// childrenOf lists the children of a process.
func childrenOf(pid int) ([]int, error) {
	var children []int
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	if len(stats) > 0 {
		for _, path := range stats {
			if _, parent := procState(path); parent == pid {
				child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
				if err != nil {
					return nil, err
				}
				children = append(children, child)
			}
		}
		return children, nil
	}
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		var child, parent int
		if _, err := fmt.Sscan(line, &child, &parent); err == nil && parent == pid {
			children = append(children, child)
		}
	}
	return children, nil
}

// procState reads the state and the parent of a process from its stat file.
func procState(path string) (state string, parent int) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", 0 // has ended
	}
	// The name of the program is in parentheses, and may contain some.
	line := string(data)
	fmt.Sscan(line[strings.LastIndexByte(line, ')')+1:], &state, &parent)
	return state, parent
}

// ended tells whether a process that is not our child is no more.
func ended(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	state, _ := procState(fmt.Sprintf("/proc/%d/stat", pid))
	return state == "Z" || state == "X"
}
