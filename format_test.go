package usermgmt_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

func formats(t testing.TB, zone, date, clock string) usermgmt.Formats {
	t.Helper()
	f, err := usermgmt.NewFormats(zone, date, clock)
	require.NoError(t, err)
	return f
}

func TestEveryFormatReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Kiritimati"} {
		for _, date := range usermgmt.DateFormats() {
			for _, clock := range usermgmt.TimeFormats() {
				f := formats(t, zone, date, clock)
				for _, d := range []usermgmt.Date{{Year: 1900, Month: 1, Day: 1}, {Year: 2024, Month: 2, Day: 29}, {Year: 9999, Month: 12, Day: 31}} {
					back, err := f.ParseDate(f.Date(d))
					require.NoError(t, err, f.Date(d))
					assert.Equal(t, d, back)
				}
				for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(7*time.Hour + 13*time.Minute) {
					text := f.DateTime(at)
					back, err := f.ParseDateTime(text)
					require.NoError(t, err, text)
					assert.Equal(t, text, f.DateTime(back), "%s in %s", at, zone)
				}
			}
		}
	}
}

func TestDatesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	f := formats(t, "Europe/Berlin", "MM/dd/yyyy", "HH:mm")
	for text, rule := range map[string]string{
		"02/30/2026": "range", "13/01/2026": "range", "00/01/2026": "range", "01/00/2026": "range", "01/01/1899": "range", "02/29/1900": "range",
		"1/1/26": "format", "01/01/12026": "format", "2026/01/01": "format", "01.01.2026": "format", "01/01/2026 ": "format", "01/01": "format",
		"+1/01/2026": "format", "\u0661/01/2026": "format", "01/01/2026/": "format", "001/1/2026": "format",
	} {
		_, err := f.ParseDate(text)
		var e *usermgmt.Error
		require.ErrorAs(t, err, &e, text)
		assert.Equal(t, rule, e.Rule, text)
	}
	for _, text := range []string{"24:00", "12:60", "1:5", "-1:00", "12", "12:00:00", "12:00 PM", ""} {
		_, _, err := f.ParseTime(text)
		require.ErrorIs(t, err, usermgmt.ErrInvalid, text)
	}
	half := formats(t, "UTC", "MM/dd/yyyy", "hh:mm a")
	for text, want := range map[string]int{"12:00 AM": 0, "12:30 am": 0, "01:00 AM": 1, "11:59 AM": 11, "12:00 PM": 12, "1:00 pm": 13, "11:59 PM": 23} {
		hour, _, err := half.ParseTime(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, hour, text)
	}
	for _, text := range []string{"00:00 AM", "13:00 PM", "12:00", "12:00 XM", "12:00PM", "12:00  PM"} {
		_, _, err := half.ParseTime(text)
		require.ErrorIs(t, err, usermgmt.ErrInvalid, text)
	}
}

func TestTimesAroundAChangeOfClocks(t *testing.T) {
	t.Parallel()
	f := formats(t, "Europe/Berlin", "yyyy-MM-dd", "HH:mm")
	for text, want := range map[string]string{
		"2026-03-29 01:59": "2026-03-29T00:59:00Z", "2026-03-29 03:00": "2026-03-29T01:00:00Z",
		"2026-10-25 01:59": "2026-10-24T23:59:00Z", "2026-10-25 02:30": "2026-10-25T00:30:00Z", // the first of two
		"2026-10-25 03:00": "2026-10-25T02:00:00Z",
	} {
		got, err := f.ParseDateTime(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got.UTC().Format(time.RFC3339), text)
	}
	_, err := f.ParseDateTime("2026-03-29 02:30")
	var e *usermgmt.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "skipped", e.Rule)
	_, err = formats(t, "Pacific/Apia", "yyyy-MM-dd", "HH:mm").ParseDateTime("2011-12-30 12:00") // a day that Samoa left out
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "skipped", e.Rule)
}

func TestFormatsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := usermgmt.NewFormats("Local", "x", "y")
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Len(t, usermgmt.FieldErrors(err), 3)
}

// FuzzFormats: whatever is read is written again as what reads the same, and
// nothing panics.
func FuzzFormats(f *testing.F) {
	f.Add(uint8(0), uint8(0), "01/31/2026 12:05", int64(1_780_000_000))
	f.Add(uint8(7), uint8(3), "2026-03-29 02:30", int64(-2_000_000_000))
	f.Add(uint8(11), uint8(1), "9999.12.31 11:59 pm", int64(253_402_300_799))
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Africa/Monrovia"}
	f.Fuzz(func(t *testing.T, date, zone uint8, text string, unix int64) {
		clocks := usermgmt.TimeFormats()
		x := formats(t, zones[int(zone)%len(zones)], usermgmt.DateFormats()[int(date)%12], clocks[int(zone)/len(zones)%len(clocks)])
		at, err := x.ParseDateTime(text)
		if err != nil {
			if !errors.Is(err, usermgmt.ErrInvalid) {
				t.Fatalf("%q: %v", text, err)
			}
		} else if back, err := x.ParseDateTime(x.DateTime(at)); err != nil || !back.Equal(at) {
			t.Fatalf("%q is %s, written %q, read %s, %v", text, at, x.DateTime(at), back, err)
		}
		if d, err := x.ParseDate(text); err == nil && !d.IsZero() {
			if back, err := x.ParseDate(x.Date(d)); err != nil || back != d {
				t.Fatalf("%q is %s, written %q, read %s, %v", text, d, x.Date(d), back, err)
			}
		}
		then := time.Unix(unix, 0)
		if y := then.In(x.Location()).Year(); y < 1900 || y > 9999 {
			return
		}
		written := x.DateTime(then)
		back, err := x.ParseDateTime(written)
		if err != nil || x.DateTime(back) != written {
			t.Fatalf("%s is written %q, read %s, %v", then, written, back, err)
		}
	})
}
