// Package people has types that are registered under the three kinds of names that gob.Register gives: with the path of
// their package, as a pointer without it, and as told.
package people

import "encoding/gob"

type Person struct {
	Name string
	Age  int
}

type Pet struct{ Name string }

type Tag struct{ Text string }

func init() {
	gob.Register(&Person{})
	gob.Register(Pet{})
	gob.RegisterName("tag", Tag{})
}
