package gateway

// Patient is patient, for tests.
var Patient = patient
