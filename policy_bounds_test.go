package usermgmt_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
)

// A limit of less than nothing, or one that never comes, is refused when it is
// configured, and not found out when somebody relies on it.
func TestEveryNumberOfAPolicyHasBounds(t *testing.T) {
	t.Parallel()
	for name, preset := range map[string]usermgmt.Policy{
		"NIST": usermgmt.PolicyNIST(), "OroCRM": usermgmt.PolicyOroCRM(), "AgileApps": usermgmt.PolicyAgileApps(),
	} {
		_, err := usermgmt.New(teststores.New(t), &usermgmt.Config{Policy: &preset})
		require.NoError(t, err, name)
	}
	numbers := 0
	kind := reflect.TypeFor[usermgmt.Policy]()
	for i := range kind.NumField() {
		field := kind.Field(i)
		if k := field.Type.Kind(); k != reflect.Int && k != reflect.Int64 && k != reflect.Uint8 {
			continue
		}
		numbers++
		bad := []int64{-1, math.MaxInt32}
		if field.Type == reflect.TypeFor[time.Duration]() {
			bad = []int64{-1, int64(10 * 366 * 24 * time.Hour)}
		}
		if field.Type.Kind() == reflect.Uint8 {
			bad = []int64{255}
		}
		for _, n := range bad {
			if n > 0 && field.Name == "MaxSessions" {
				continue // many is as good as no limit, which there is
			}
			policy := usermgmt.PolicyNIST()
			v := reflect.ValueOf(&policy).Elem().Field(i)
			if v.CanInt() {
				v.SetInt(n)
			} else {
				v.SetUint(uint64(n))
			}
			_, err := usermgmt.New(teststores.New(t), &usermgmt.Config{Policy: &policy})
			assert.ErrorIs(t, err, usermgmt.ErrInvalid, "%s = %d", field.Name, n)
		}
	}
	assert.Greater(t, numbers, 6)
}
