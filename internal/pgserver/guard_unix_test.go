//go:build unix

package pgserver

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// victim names the variable by which a copy of this test binary learns how to end.
const victim = "USERMGMT_PGSERVER_VICTIM"

// TestVictim is the other half of the test below.
func TestVictim(t *testing.T) {
	end := os.Getenv(victim)
	if end == "" {
		t.Skip("runs in a process of its own only")
	}
	if end == "initdb" { // its end comes from outside, in the middle
		go func() {
			for {
				if dirs, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "usermgmt-pg*", "data", "base")); len(dirs) == 1 {
					os.Stdout.WriteString("dir " + filepath.Dir(filepath.Dir(dirs[0])) + "\n")
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
	}
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if end == "killed" {
		if err := s.KillHard(); err != nil {
			t.Fatal(err)
		}
	}
	if end != "initdb" {
		os.Stdout.WriteString("dir " + s.g.dir + "\n")
	}
	switch end {
	case "return", "killed":
	case "fatal":
		t.Fatal("as told")
	case "panic":
		panic("as told")
	case "exit":
		os.Exit(3)
	default:
		select {} // until killed
	}
}

func TestNothingIsLeftHoweverAProcessEnds(t *testing.T) {
	if _, err := findBinaries(); err != nil {
		t.Skipf("SKIP-POSTGRES: %v", err)
	}
	for _, end := range []string{"return", "killed", "fatal", "panic", "exit", "SIGKILL", "SIGINT", "initdb"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			tmp, err := os.MkdirTemp("/tmp", "victim") // t.TempDir is not open to the account
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(tmp)
			if err := os.Chmod(tmp, 0o777); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$", "-test.v")
			cmd.Env = append(os.Environ(), victim+"="+end, "TMPDIR="+tmp)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var dir, all string
			for lines := bufio.NewScanner(out); lines.Scan(); { // to the end: no child holds it open
				all += lines.Text() + "\n"
				if d, ok := strings.CutPrefix(lines.Text(), "dir "); ok {
					dir = d
					switch end {
					case "SIGKILL", "initdb":
						err = cmd.Process.Kill()
					case "SIGINT":
						err = cmd.Process.Signal(os.Interrupt)
					}
					if err != nil {
						t.Error(err)
					}
				}
			}
			cmd.Wait() // fails, mostly
			if dir == "" {
				t.Fatalf("the server did not start:\n%s", all)
			}
			for start := 0; ; start++ {
				_, err := os.Stat(dir)
				users := workingIn(t, dir)
				if errors.Is(err, fs.ErrNotExist) && len(users) == 0 {
					break
				}
				if start > 500 {
					t.Fatalf("%s: %v, processes %v", dir, err, users)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

// workingIn lists the processes that mention a directory in their command line or work
// in it, as far as the system tells.
func workingIn(t *testing.T, dir string) []int {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, p := range procs {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		cwd, _ := os.Readlink(filepath.Join(p, "cwd"))
		if strings.Contains(string(line), dir) || strings.HasPrefix(cwd, dir) {
			pid, err := strconv.Atoi(filepath.Base(p))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}
