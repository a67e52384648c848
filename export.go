package usermgmt

// Audit verbs of exports and imports.
const (
	verbExport = "user.export"
	verbImport = "user.import"
)

// DefaultExportFields are the fields of an export when an organization marks none.
var DefaultExportFields []string

// ExportFields returns the names of the fields that an export can hold.
func ExportFields() []string { return nil }
