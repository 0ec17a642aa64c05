// Package bench is what host and plugin share. gob matches fields by name, so
// the types are a contract with src/types.rs.
package bench

import (
	"os"
	"time"

	"github.com/hashicorp/go-plugin"
)

// Handshake is that of all who speak go-plugin's protocol here.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "VERSUS_PLUGIN",
	MagicCookieValue: "versus",
}

// Text is what the string rows send: 64 bytes.
const Text = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// UserID is reva's: who says so, and whom they mean.
type UserID struct {
	Idp      string
	OpaqueId string
}

// User is reva's, with a field of each kind that it has.
type User struct {
	Id          UserID
	Username    string
	Mail        string
	DisplayName string
	Groups      []string
	Opaque      map[string]string
}

// Is is the check on each reply, cheap enough not to be what is measured.
func (u *User) Is(other *User) bool {
	return u.Id.OpaqueId == other.Id.OpaqueId &&
		u.Mail == other.Mail &&
		len(u.Groups) == len(other.Groups) &&
		len(u.Opaque) == len(other.Opaque)
}

// SampleUser is what the row call-user sends.
func SampleUser() *User {
	return &User{
		Id:          UserID{Idp: "https://idp.example.org", OpaqueId: "4c510ada-c86b-4815-8820-42cdf82c3d51"},
		Username:    "einstein",
		Mail:        "einstein@example.org",
		DisplayName: "Albert Einstein",
		Groups:      []string{"sailing-lovers", "violin-haters", "physics-lovers"},
		Opaque:      map[string]string{"language": "de", "quota": "100 GiB", "uid": "20000"},
	}
}

// WriteArgs goes to Write.
type WriteArgs struct {
	Id    uint32
	Bytes uint64
}

// OnLoadArgs goes to OnLoad.
type OnLoadArgs struct{ File string }

// OnLoadReply answers OnLoad.
type OnLoadReply struct{ Count int64 }

// GetUserArgs goes to GetUser and GetUserGroups.
type GetUserArgs struct{ Id UserID }

// UserReply answers GetUser and GetUserByClaim.
type UserReply struct{ User User }

// ClaimArgs goes to GetUserByClaim.
type ClaimArgs struct{ Claim, Value string }

// GroupsReply answers GetUserGroups.
type GroupsReply struct{ Groups []string }

// FindArgs goes to FindUser.
type FindArgs struct{ Query string }

// FindReply answers FindUser.
type FindReply struct{ Users []User }

// EndWithParent ends this process within a second of its parent's death,
// however that came about.
func EndWithParent() {
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(time.Second)
		}
		os.Exit(1)
	}()
}
