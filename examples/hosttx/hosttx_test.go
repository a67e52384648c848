package main

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt/internal/pgtest"
)

func TestHostsTransactionsAreBothOrNeither(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), pgtest.DB(t, "empty", nil))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, pool))
	require.Equal(t, `pgx
  acorn    rolled back: the host changed its mind
  birch    committed
database/sql
  cedar    rolled back: the host changed its mind
  douglas  committed
customers and their users
  Birch Ltd    birch
  Douglas Ltd  douglas
  user birch
  user douglas
  user root
`, out.String())
}
