package pgserver

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestHighestVersionIsChosenByNumber(t *testing.T) {
	t.Parallel()
	dirs := []string{"/x/9.6/bin", "/x/15/bin", "/x/100/bin", "/x/99/bin", "/x/120/bin", "/x/current/bin"}
	if got := highest(dirs, func(dir string) bool { return dir != "/x/120/bin" }); got != "/x/100/bin" {
		t.Errorf("chose %q", got)
	}
	if got := highest(dirs, func(string) bool { return false }); got != "" {
		t.Errorf("chose %q of none", got)
	}
}

func TestAddressesAreChangedInEitherForm(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://ann:s%20e%2Fcret@db.example:6543/first?sslmode=disable&application_name=x",
		"postgresql://ann:s%20e%2Fcret@db.example:6543?dbname=first&sslmode=disable",
		"postgres://ann:s%20e%2Fcret@db.example:6543",
		`host=db.example port=6543 user=ann password='s e/cret' dbname=first sslmode=disable`,
	} {
		got := With(WithDatabase(dsn, "second"), "application_name", `it's a \ name+`)
		cfg, err := pgx.ParseConfig(got)
		if err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if cfg.Host != "db.example" || cfg.Port != 6543 || cfg.User != "ann" || cfg.Password != "s e/cret" ||
			cfg.Database != "second" || cfg.RuntimeParams["application_name"] != `it's a \ name+` {
			t.Errorf("%s became %s", dsn, got)
		}
	}
}
