module github.com/lockstepdb/lockstep/entities/billing

go 1.26.0

require github.com/lockstepdb/lockstep/entities/common v1.0.0

require (
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	golang.org/x/text v0.20.0 // indirect
	gorm.io/gorm v1.31.2 // indirect
)

// Consumers ignore this line: it lets the modules be built side by side in this
// repository.
replace github.com/lockstepdb/lockstep/entities/common => ../common
