package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// findBinaries returns the directory of the server's programs.
func findBinaries() (string, error) {
	if dir := os.Getenv("USERMGMT_PG_BIN"); dir != "" {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return "", err
		}
		if !hasServer(dir) {
			return "", fmt.Errorf("%w: USERMGMT_PG_BIN is %s, where initdb or postgres is missing", ErrNoServer, dir)
		}
		return dir, nil
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	if dir := highest(dirs, hasServer); dir != "" {
		return dir, nil
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// A link into PATH: the programs look for each other next to themselves.
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil && hasServer(filepath.Dir(initdb)) {
			return filepath.Dir(initdb), nil
		}
	}
	return "", fmt.Errorf("%w: no initdb and postgres in USERMGMT_PG_BIN, /usr/lib/postgresql/*/bin or PATH", ErrNoServer)
}

// highest returns the directory .../VERSION/bin with the highest version of those
// that qualify, or "".
func highest(dirs []string, qualifies func(string) bool) string {
	best, bestVersion := "", -1.0
	for _, dir := range dirs {
		v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64) // 9.6, 15
		if err == nil && v > bestVersion && qualifies(dir) {
			best, bestVersion = dir, v
		}
	}
	return best
}

func hasServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}
