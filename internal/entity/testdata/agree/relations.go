package agree

import "gorm.io/gorm"

// User has relations of every kind.
type User struct {
	gorm.Model
	Name      string `gorm:"size:50;uniqueIndex"`
	Company   Company
	CompanyID *int32
	Card      CreditCard `gorm:"constraint:OnUpdate:CASCADE,OnDelete:SET NULL;"`
	Orders    []Order
	ManagerID *uint
	Manager   *User
	Team      []User     `gorm:"foreignKey:ManagerID"`
	Languages []Language `gorm:"many2many:user_languages;constraint:OnDelete:CASCADE"`
	Friends   []*User    `gorm:"many2many:user_friends"`
	Toys      []Toy      `gorm:"polymorphic:Owner;polymorphicValue:u"`
	Billing   Account    `gorm:"foreignKey:BillCode;references:Code"`
	BillCode  string
	Skipped   Company `gorm:"foreignKey:CompanyID;constraint:-"`
	Plain     Company `gorm:"foreignKey:CompanyID;-:migration"`
	Profile   Profile
}

// Company has an odd key type.
type Company struct {
	ID    int32
	Name  string
	Users []User
}

// CreditCard belongs to a user.
type CreditCard struct {
	gorm.Model
	Number string
	UserID int8 // takes the type of users.id
}

// Order belongs to a user, on both sides.
type Order struct {
	ID     uint64
	UserID uint `gorm:"index"`
	User   User
	Lines  []Line `gorm:"foreignKey:OrderID;constraint:fk_lines,OnDelete:CASCADE"`
}

// Line has a named constraint on both sides.
type Line struct {
	ID      uint64
	OrderID uint64
	Order   *Order
	Region  string
	Number  int64
	Auto    Auto `gorm:"foreignKey:Region,Number;references:Region,Number"`
}

// Language is in a many2many from both sides.
type Language struct {
	Code  string `gorm:"primaryKey;size:8;column:lang_code;comment:iso"`
	Users []User `gorm:"many2many:user_languages;constraint:OnDelete:CASCADE"`
}

// Toy is owned polymorphically.
type Toy struct {
	ID        uint
	OwnerID   string
	OwnerType string `gorm:"size:30"`
}

// Account is referred to by a column that is not its key.
type Account struct {
	ID   uint
	Code string `gorm:"size:12;unique"`
}

// Profile belongs to a user by has-one on the user's side.
type Profile struct {
	ID     uint
	UserID uint
	Photo  Photo `gorm:"foreignKey:ID"`
}

// Photo shares its key.
type Photo struct {
	ID   uint `gorm:"primaryKey;autoIncrement:false"`
	Data []byte
}

// Trailer is an embedded struct with relations of its own.
type Trailer struct {
	HaulerID uint
	Hauler   Company
	Loads    []Load
}

// Truck embeds relations.
type Truck struct {
	ID      uint
	Trailer `gorm:"embedded"`
}

// Load hangs on the truck.
type Load struct {
	ID      uint
	TruckID uint
}

// Node is a tree.
type Node struct {
	ID          int64
	ParentID    int64
	Parent      *Node
	Children    []Node `gorm:"foreignKey:ParentID"`
	Comments    []Node `gorm:"polymorphic:Subject"`
	SubjectID   int32
	SubjectType string
}

// Student joins by named keys.
type Student struct {
	ID      uint      `gorm:"default:5"`
	Num     string    `gorm:"size:9;uniqueIndex"`
	Courses []Course  `gorm:"many2many:enrolments;foreignKey:Num;joinForeignKey:StudentNum;references:Name;joinReferences:CourseName"`
	Peers   []Student `gorm:"many2many:peers"`
}

// Course has two keys.
type Course struct {
	ID   uint   `gorm:"primaryKey"`
	Name string `gorm:"primaryKey;size:30;index"`
}

// Named has a name of its own.
type Named struct{ ID uint }

// TableName is a concatenation.
func (Named) TableName() string { return prefix + "named" }

const prefix = "my_"
