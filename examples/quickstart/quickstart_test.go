package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt/internal/pgserver"
	"github.com/usermgmt/usermgmt/internal/teststores"
)

func TestTheTourOfTheBuiltInCompany(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users.csv")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, teststores.New(t), nordwind, false, file))
	assert.Contains(t, out.String(), "Imported 202 of 202 people; 0 problems.")
	assert.Contains(t, out.String(), "4 levels deep")
	assert.NotContains(t, out.String(), rootPassword)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+202+1, "the header, the people and the administrator")
	assert.NotContains(t, strings.Join(rows[0], ","), "password")
}

func TestTheTourOfRealDirectories(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file         string
		usernameOnly bool
		want         string
	}{
		{"example-people.csv", false, "Imported 150 of 150 people; 0 problems."},
		{"european-people.csv", false, "Imported 150 of 353 people; 203 problems."},
		{"european-people.csv", true, "Imported 353 of 353 people; 0 problems."},
	} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", c.file))
		if os.IsNotExist(err) {
			t.Skipf("the directory exports are not beside the repository: %s", c.file)
		}
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), &out, teststores.New(t), data, c.usernameOnly, filepath.Join(t.TempDir(), "users.csv")))
		assert.Contains(t, out.String(), c.want, c.file)
		if !c.usernameOnly && strings.HasPrefix(c.file, "european") {
			assert.Contains(t, out.String(), "203 × email required", "each is reported")
		}
	}
}

func TestTheTourOnAPrivateServer(t *testing.T) {
	t.Parallel()
	store, stop, err := open(t.Context(), "auto")
	if errors.Is(err, pgserver.ErrNoServer) {
		t.Skipf("SKIP-POSTGRES: %v", err)
	}
	require.NoError(t, err)
	defer stop()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, store, nordwind, false, filepath.Join(t.TempDir(), "users.csv")))
	assert.Contains(t, out.String(), "Imported 202 of 202 people; 0 problems.")
}
