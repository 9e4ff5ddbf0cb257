package entity

// Manifest is the content of lockstep.yaml at a module's root.
type Manifest struct {
	Version int `yaml:"version"` // 1
	// Entities are patterns: packages or types, as in Options.Entities.
	Entities []string `yaml:"entities"`
	Exclude  []string `yaml:"exclude"`
	// Requires names modules whose tables must be there too although no
	// relation says so.
	Requires []string `yaml:"requires"`
	Naming   Naming   `yaml:"naming"`
	// ForeignKeys switches the constraints of relations off, as GORM's
	// DisableForeignKeyConstraintWhenMigrating does. Nil: on.
	ForeignKeys *bool `yaml:"foreign_keys"`
}

// Naming mirrors GORM's schema.NamingStrategy.
type Naming struct {
	TablePrefix   string `yaml:"table_prefix"`
	SingularTable bool   `yaml:"singular_table"`
	NoLowerCase   bool   `yaml:"no_lower_case"`
}
