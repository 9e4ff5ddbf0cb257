// Package billing holds the entities of invoicing.
package billing

import (
	"time"

	"github.com/lockstepdb/lockstep/entities/common"
)

// Status is where an invoice stands.
type Status string

// The states of an invoice.
const (
	Draft Status = "draft"
	Sent  Status = "sent"
	Paid  Status = "paid"
)

// Invoice is what an account owes.
type Invoice struct {
	ID         uint
	AccountID  uint           `gorm:"not null;index"`
	Account    common.Account `gorm:"constraint:OnDelete:RESTRICT"`
	Number     string         `gorm:"size:40;not null;uniqueIndex"`
	Status     Status         `gorm:"size:20;not null;default:draft;check:status IN ('draft', 'sent', 'paid')"`
	TotalCents int64          `gorm:"not null;default:0"`
	Lines      []InvoiceLine  `gorm:"constraint:OnDelete:CASCADE"`
	DueAt      *time.Time     `gorm:"index"`
	IssuedAt   *time.Time
	CreatedAt  time.Time
}

// InvoiceLine is one position of an invoice. Its key is composite: a line is
// nothing without its invoice.
type InvoiceLine struct {
	InvoiceID   uint    `gorm:"primaryKey;autoIncrement:false"`
	Position    int32   `gorm:"primaryKey;autoIncrement:false"`
	Description string  `gorm:"size:500;not null"`
	Quantity    float64 `gorm:"precision:12;scale:3;not null;default:1"`
	UnitCents   int64   `gorm:"not null"`
}

// Payment is money received for an invoice.
type Payment struct {
	ID          uint
	InvoiceID   uint      `gorm:"not null;index"`
	Invoice     Invoice   `gorm:"constraint:OnDelete:RESTRICT"`
	AmountCents int64     `gorm:"not null;check:amount_cents > 0"`
	Reference   string    `gorm:"size:200;comment:as printed on the bank statement"`
	ReceivedAt  time.Time `gorm:"not null"`
}
