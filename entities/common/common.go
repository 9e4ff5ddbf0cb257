// Package common holds the entities that every other example module builds on:
// the accounts of a tenant and the people who work with them.
package common

import "gorm.io/gorm"

// Account is an organisation that uses the product.
type Account struct {
	gorm.Model
	Name   string  `gorm:"size:200;not null;uniqueIndex"`
	Region *string `gorm:"size:40"`
	Users  []User
}

// User is a person who signs in.
type User struct {
	gorm.Model
	AccountID   uint   `gorm:"not null;index"`
	Email       string `gorm:"size:320;not null;uniqueIndex"`
	DisplayName string `gorm:"size:200"`
	Active      bool   `gorm:"not null;default:true"`
	Locale      string `gorm:"size:10;not null;default:en"`
}
