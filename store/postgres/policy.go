package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// What rights in an organization depend on, and its custom fields, is read by one statement, and so in
// one consistent view: a row with the organization, the stamps, and a document
// of the rows of each table, whose keys are the names of the fields that
// they are decoded into.

const (
	docTimes = `(extract(epoch from x.created_at) * 1000000)::bigint as "Created",
		(extract(epoch from x.updated_at) * 1000000)::bigint as "Updated", x.version as "Version"`
	inPolicy = `where x.org_id is null or x.org_id = $1::uuid`

	sqlPolicy = `select ` + orgColumns + `, s.policy, (select policy from usermgmt_stamps where org_id = '` + zeroUUID + `'),
	(select json_agg(d)::text from (select x.role_id as "ID", x.org_id as "Org", x.application_id as "App", x.name as "Name",
		x.name_key as "NameKey", x.description as "Description", x.grants as "Grants", ` + docTimes + `
		from usermgmt_roles x ` + inPolicy + `) d),
	(select json_agg(d)::text from (select x.profile_id as "ID", x.org_id as "Org", x.name as "Name", x.name_key as "NameKey",
		x.description as "Description", x.administrator as "Administrator", x.shipped as "Shipped", x.grants as "Grants",
		x.ip_ranges as "IPRanges", ` + docTimes + `
		from usermgmt_profiles x ` + inPolicy + `) d),
	(select json_agg(d)::text from (select x.application_id as "ID", x.org_id as "Org", x.name as "Name",
		x.name_key as "NameKey", x.description as "Description", x.objects as "Objects", ` + docTimes + `
		from usermgmt_applications x ` + inPolicy + `) d),
	(select json_agg(d)::text from (select x.access_id as "ID", x.org_id as "Org", x.application_id as "Application",
		x.user_id as "User", x.team_id as "Team", x.roles as "Roles", ` + docTimes + `
		from usermgmt_access x where x.org_id = $1::uuid and x.team_id is not null) d),
	(select json_agg(d)::text from (select x.sharing_id as "ID", x.org_id as "Org", x.name as "Name", x.name_key as "NameKey",
		x.owning as "Owning", x.owning_subteams as "OwningSubteams", x.sharing as "Sharing",
		x.sharing_subteams as "SharingSubteams", x.model as "Model", x.permissions as "Permissions", x.roles as "Roles",
		` + docTimes + `
		from usermgmt_sharing x where x.org_id = $1::uuid) d),
	(select json_agg(d)::text from (select x.field_id as "ID", x.org_id as "Org", x.name as "Name", x.label as "Label",
		x.field_type as "Type", x.required as "Required", x.default_is as "Default", x.min_length as "MinLength",
		x.max_length as "MaxLength", x.pattern as "Pattern", x.min_value as "Min", x.max_value as "Max",
		x.choices as "Values", x.sort as "Order", x.hidden as "Hidden", x.own as "Own", x.exportable as "Exportable",
		x.searchable as "Searchable", ` + docTimes + `
		from usermgmt_fields x where x.org_id = $1::uuid) d)
from usermgmt_orgs o join usermgmt_stamps s on s.org_id = o.org_id
where o.org_id = $1::uuid`
)

// docStamps are the times of a row in a document. They shadow no field.
type docStamps struct{ Created, Updated docTime }

type roleDoc struct {
	usermgmt.Role
	docStamps
}

type profileDoc struct {
	usermgmt.AccessProfile
	docStamps
}

type applicationDoc struct {
	usermgmt.Application
	docStamps
}

type accessDoc struct {
	usermgmt.AccessEntry
	docStamps
	Roles []accessRole
}

type fieldDoc struct {
	usermgmt.CustomField
	docStamps
}

type sharingDoc struct {
	usermgmt.SharingPolicy
	docStamps
}

func scanPolicy(r scanner, p *usermgmt.PolicySet) error {
	var roles []roleDoc
	var profiles []profileDoc
	var apps []applicationDoc
	var access []accessDoc
	var sharing []sharingDoc
	var fields []fieldDoc
	o := &p.Org
	if err := r.Scan(append(orgDests(o), &p.Policy, &p.SystemPolicy,
		toJSON(&roles), toJSON(&profiles), toJSON(&apps), toJSON(&access), toJSON(&sharing), toJSON(&fields))...); err != nil {
		return err
	}
	for i := range roles {
		x := &roles[i]
		x.CreatedAt, x.UpdatedAt = x.Created.Time, x.Updated.Time
		p.Roles = append(p.Roles, x.Role)
	}
	for i := range profiles {
		x := &profiles[i]
		x.CreatedAt, x.UpdatedAt = x.Created.Time, x.Updated.Time
		p.Profiles = append(p.Profiles, x.AccessProfile)
	}
	for i := range apps {
		x := &apps[i]
		x.CreatedAt, x.UpdatedAt = x.Created.Time, x.Updated.Time
		p.Applications = append(p.Applications, x.Application)
	}
	for i := range access {
		x := &access[i]
		x.CreatedAt, x.UpdatedAt = x.Created.Time, x.Updated.Time
		x.AccessEntry.Roles = roleAssignments(x.Roles)
		p.TeamAccess = append(p.TeamAccess, x.AccessEntry)
	}
	for i := range sharing {
		x := &sharing[i]
		x.CreatedAt, x.UpdatedAt = x.Created.Time, x.Updated.Time
		p.Sharing = append(p.Sharing, x.SharingPolicy)
	}
	for i := range fields {
		x := &fields[i]
		x.CreatedAt, x.UpdatedAt = x.Created.Time, x.Updated.Time
		p.Fields = append(p.Fields, x.CustomField)
	}
	return nil
}

// Policy implements [usermgmt.Store].
func (s *Store) Policy(ctx context.Context, org usermgmt.OrgID) (usermgmt.PolicySet, error) {
	return one(ctx, s, scanPolicy, sqlPolicy, key(org))
}
