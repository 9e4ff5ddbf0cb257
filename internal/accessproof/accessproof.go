// Package accessproof holds the generated data access of the network example
// against databases that lockstep made: both released versions of the module, on
// tenants that lockstep initialised at v1 and upgraded to v2, on every engine at
// hand. It is a module of its own so that GORM and its drivers stay out of the
// product's go.mod; nothing but its tests is ever run.
//
// proof_test.go has the tenants and lockstep's command line, release_test.go the
// life of a tenant from v1 to v2, v1_test.go and v2_test.go what services of the
// two versions do, generate_test.go whether the generated code is current.
package accessproof
