package usermgmt

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dateFormats are the twelve date formats of AgileApps.
var dateFormats = func() []string {
	var out []string
	for _, order := range [...]string{"MM dd yyyy", "dd MM yyyy", "yyyy dd MM", "yyyy MM dd"} {
		for _, sep := range [...]string{"/", "-", "."} {
			out = append(out, strings.ReplaceAll(order, " ", sep))
		}
	}
	return out
}()

// DateFormats returns the date formats that a user can choose: the four orders
// of AgileApps with "/", "-" and ".".
func DateFormats() []string { return slices.Clone(dateFormats) }

// TimeFormats returns the formats of the time of day that a user can choose:
// the two of AgileApps.
func TimeFormats() []string { return []string{"HH:mm", "hh:mm a"} }

// The years that can be written in a user's format, as in AgileApps.
const (
	minFormatYear = 1900
	maxFormatYear = 9999
)

// Formats writes and reads dates and times in a user's format and time zone.
// [Settings.Formats] returns those of an actor; the zero Formats writes like
// the defaults of the shipped settings, in UTC.
type Formats struct {
	zone       *time.Location
	date       string
	twelveHour bool
}

// NewFormats returns the formats of a time zone, by its IANA name, of one of
// [DateFormats] and of one of [TimeFormats]. Errors: [ErrInvalid].
func NewFormats(zone, date, clock string) (Formats, error) {
	var p problems
	f := Formats{date: date, twelveHour: clock == "hh:mm a"}
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		p.add(SettingTimeZone, "unknown", "want an IANA name such as Europe/Berlin")
	}
	f.zone = loc
	if !slices.Contains(dateFormats, date) {
		p.add(SettingDateFormat, "unknown", "want one of DateFormats")
	}
	if !slices.Contains(TimeFormats(), clock) {
		p.add(SettingTimeFormat, "unknown", "want one of TimeFormats")
	}
	if err := p.err(); err != nil {
		return Formats{}, withOp("NewFormats", err)
	}
	return f, nil
}

// Formats returns the formats in which a reads and writes dates and times in
// the current organization, by the settings that count there.
func (s *Settings) Formats(ctx context.Context, a Actor) (Formats, error) {
	const op = "Settings.Formats"
	v, err := s.m.read(a)
	if err != nil {
		return Formats{}, withOp(op, err)
	}
	of := SettingsOf{User: v.subject, System: v.org.IsZero()}
	levels, err := s.m.readSettings(ctx, v, &of)
	if err != nil {
		return Formats{}, withOp(op, err)
	}
	value := func(key string) string {
		e, _, _ := s.m.setting(key).effective(levels)
		return e.Value
	}
	f, err := NewFormats(value(SettingTimeZone), value(SettingDateFormat), value(SettingTimeFormat))
	return f, withOp(op, err)
}

// Location is the time zone.
func (f Formats) Location() *time.Location {
	if f.zone == nil {
		return time.UTC
	}
	return f.zone
}

func (f Formats) dateFormat() string {
	if f.date == "" {
		return "yyyy-MM-dd"
	}
	return f.date
}

// Date writes a date; "" for the zero Date. Years outside of 1900 to 9999
// cannot be read again.
func (f Formats) Date(d Date) string {
	if d.IsZero() {
		return ""
	}
	return strings.NewReplacer("yyyy", digits(d.Year, 4), "MM", digits(int(d.Month), 2), "dd", digits(d.Day, 2)).Replace(f.dateFormat())
}

// Time writes the time of day that t is in the time zone; "" for the zero time.
func (f Formats) Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(f.Location())
	if f.twelveHour {
		return t.Format("03:04 PM")
	}
	return t.Format("15:04")
}

// DateTime writes the date and the time of day that t is in the time zone, with
// a space between; "" for the zero time. Seconds are left out.
func (f Formats) DateTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(f.Location())
	return f.Date(Date{t.Year(), t.Month(), t.Day()}) + " " + f.Time(t)
}

func digits(n, width int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(0, width-len(s))) + s
}

// ParseDate reads what [Formats.Date] writes of the years 1900 to 9999; a
// leading zero of month and day may be missing. The empty string is the zero
// Date. Errors: [ErrInvalid], Rule "format" for another form, "range" for what
// is no day or no such year.
func (f Formats) ParseDate(s string) (Date, error) {
	if s == "" {
		return Date{}, nil
	}
	layout := f.dateFormat()
	sep := strings.Trim(layout, "yMd")[:1]
	parts, names := strings.Split(s, sep), strings.Split(layout, sep)
	if len(parts) != len(names) {
		return Date{}, f.badDate("format")
	}
	var d Date
	for i, name := range names {
		n, ok := number(parts[i], len(name))
		switch {
		case !ok || name == "yyyy" && len(parts[i]) != 4:
			return Date{}, f.badDate("format")
		case name == "yyyy":
			d.Year = n
		case name == "MM":
			d.Month = time.Month(n)
		default:
			d.Day = n
		}
	}
	t := d.start()
	if d.Year < minFormatYear || d.Year > maxFormatYear || t.Month() != d.Month || t.Day() != d.Day {
		return Date{}, f.badDate("range")
	}
	return d, nil
}

func (f Formats) badDate(rule string) error {
	return invalid("date", rule, "want a date of the years 1900 to 9999, written "+f.dateFormat())
}

// number reads one to most decimal digits.
func number(s string, most int) (int, bool) {
	if s == "" || len(s) > most {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// ParseTime reads a time of day as [Formats.Time] writes it, with AM and PM in
// any case; a leading zero of the hour may be missing. Errors: [ErrInvalid].
func (f Formats) ParseTime(s string) (hour, minute int, err error) {
	clock, half := s, ""
	if f.twelveHour {
		clock, half, _ = strings.Cut(s, " ")
		half = strings.ToUpper(half)
	}
	h, m, _ := strings.Cut(clock, ":")
	hour, okHour := number(h, 2)
	minute, okMinute := number(m, 2)
	bad := !okHour || !okMinute || len(m) != 2 || minute > 59
	if !f.twelveHour {
		if bad || hour > 23 {
			return 0, 0, invalid("time", "format", "want a time of day, written HH:mm")
		}
		return hour, minute, nil
	}
	if bad || hour < 1 || hour > 12 || half != "AM" && half != "PM" {
		return 0, 0, invalid("time", "format", "want a time of day, written hh:mm a, such as 03:30 PM")
	}
	hour %= 12
	if half == "PM" {
		hour += 12
	}
	return hour, minute, nil
}

// ParseDateTime reads what [Formats.DateTime] writes. Where clocks are set
// back and a time of day comes twice, it is the first; where they are set
// forward and it never comes, that is [ErrInvalid], Rule "skipped". The empty
// string is the zero time.
func (f Formats) ParseDateTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	day, clock, _ := strings.Cut(s, " ")
	d, err := f.ParseDate(day)
	if err != nil {
		return time.Time{}, err
	}
	if d.IsZero() {
		return time.Time{}, f.badDate("format")
	}
	hour, minute, err := f.ParseTime(clock)
	if err != nil {
		return time.Time{}, err
	}
	// The wall clock is ahead of UTC by what it is ahead a day before or after,
	// between which no zone changes twice.
	wall := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, time.UTC)
	var found time.Time
	for _, near := range [...]time.Time{wall.Add(-36 * time.Hour), wall.Add(36 * time.Hour)} {
		_, ahead := near.In(f.Location()).Zone()
		t := wall.Add(-time.Duration(ahead) * time.Second)
		local := t.In(f.Location())
		if local.Day() == wall.Day() && local.Hour() == hour && local.Minute() == minute && (found.IsZero() || t.Before(found)) {
			found = t
		}
	}
	if found.IsZero() {
		return time.Time{}, invalid("time", "skipped", "clocks are set forward over this time of day")
	}
	return found, nil
}
