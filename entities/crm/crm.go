// Package crm holds the entities of customer relations: who an account sells to,
// the people there, and what was talked about.
package crm

import (
	"time"

	"github.com/lockstepdb/lockstep/entities/common"
)

// Customer is an organisation that an account sells to.
type Customer struct {
	ID        uint
	AccountID uint           `gorm:"not null;index"`
	Account   common.Account `gorm:"constraint:OnDelete:CASCADE"`
	Name      string         `gorm:"size:200;not null"`
	Email     string         `gorm:"size:320;not null;uniqueIndex"`
	Website   *string        `gorm:"size:500"`
	Segment   string         `gorm:"size:40;not null;default:standard"`
	Contacts  []Contact      `gorm:"constraint:OnDelete:CASCADE"`
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Contact is a person at a customer.
type Contact struct {
	ID         uint
	CustomerID uint   `gorm:"not null;index"`
	Name       string `gorm:"size:200;not null"`
	Email      string `gorm:"size:320;not null;index"`
	// PhoneNumber was called phone until v1.2.0; without the hint lockstep would
	// see one column dropped and another added.
	PhoneNumber *string `gorm:"size:40" lockstep:"renamed_from:phone"`
}

// Activity is something that happened with a customer. Until v1.2.0 it was
// called Note; the rows stay, only the table's name changes.
//
//lockstep:renamed_from notes
type Activity struct {
	ID         uint
	CustomerID uint     `gorm:"not null;index"`
	Customer   Customer `gorm:"constraint:OnDelete:CASCADE"`
	Body       string   `gorm:"not null"`
	CreatedAt  time.Time
}

// Deal is a sale in progress.
type Deal struct {
	ID          uint
	CustomerID  uint     `gorm:"not null;index:idx_deals_customer_stage,priority:1"`
	Customer    Customer `gorm:"constraint:OnDelete:CASCADE"`
	OwnerID     *uint
	Owner       *common.User `gorm:"constraint:OnDelete:SET NULL"`
	Title       string       `gorm:"size:200;not null"`
	Stage       string       `gorm:"size:40;not null;default:open;index:idx_deals_customer_stage,priority:2"`
	AmountCents int64        `gorm:"not null;default:0;check:amount_cents >= 0"`
	// Currency has no default: each deal must say it. Rows from before v1.2.0 do
	// not, so a grey release brings the column nullable first.
	Currency  string `gorm:"size:3;not null"`
	ClosedAt  *time.Time
	CreatedAt time.Time
}
