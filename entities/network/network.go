// Package network holds the entities of a tenant's network: its load balancers
// and what stands behind them. It needs no other module, not even GORM: entities
// are plain structs with tags. What services call is in package access.
package network

import "time"

// LoadBalancer accepts connections on an address and spreads them over its
// backends.
type LoadBalancer struct {
	ID            uint64
	Name          string                `gorm:"size:63;not null;uniqueIndex:idx_load_balancers_network_name,priority:2"`
	Network       string                `gorm:"size:63;not null;uniqueIndex:idx_load_balancers_network_name,priority:1"`
	ListenAddress string                `gorm:"size:45;not null"`
	Description   string                `gorm:"size:500;not null;default:''"`
	Config        Config                `gorm:"embedded;embeddedPrefix:config_"`
	Ports         []LoadBalancerPort    `gorm:"constraint:OnDelete:CASCADE"`
	Backends      []LoadBalancerBackend `gorm:"constraint:OnDelete:CASCADE"`
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Config is how a load balancer treats its connections. It is no table: its
// fields become columns of the load balancer.
type Config struct {
	Algorithm          string `gorm:"size:20;not null;default:round_robin"`
	IdleTimeoutSeconds int32  `gorm:"not null;default:60"`
	ProxyProtocol      bool   `gorm:"not null;default:false"`
}

// LoadBalancerPort is a port that a load balancer listens on.
type LoadBalancerPort struct {
	LoadBalancerID uint64 `gorm:"primaryKey;autoIncrement:false"`
	Port           int32  `gorm:"primaryKey;autoIncrement:false;check:port BETWEEN 1 AND 65535"`
	Protocol       string `gorm:"size:10;not null;default:tcp"`
}

// LoadBalancerBackend is a server that a load balancer sends connections to.
type LoadBalancerBackend struct {
	ID             uint64
	LoadBalancerID uint64  `gorm:"not null;uniqueIndex:idx_load_balancer_backends_target,priority:1"`
	Address        string  `gorm:"size:45;not null;uniqueIndex:idx_load_balancer_backends_target,priority:2"`
	Port           int32   `gorm:"not null;uniqueIndex:idx_load_balancer_backends_target,priority:3"`
	Weight         int16   `gorm:"not null;default:1"`
	HealthPath     *string `gorm:"size:200"`
	Enabled        bool    `gorm:"not null;default:true"`
}
