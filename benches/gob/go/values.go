// Package gobspeed measures encoding/gob on the values of ../values.rs.
package gobspeed

import "fmt"

type User struct {
	Id     uint64
	Name   string
	Email  string
	Bio    string
	Age    int64
	Active bool
	Home   Place
	Tags   []string
	Limits map[string]int64
}

type Place struct {
	Latitude  float64
	Longitude float64
	Zip       int64
}

func user(n int64) User {
	return User{
		Id:     uint64(n) + 1,
		Name:   fmt.Sprintf("User Number %d", n),
		Email:  fmt.Sprintf("user.%d@mail.example.com", n),
		Bio:    "Writes plugins, reads their logs, and would like both to be a little faster.",
		Age:    20 + n%60,
		Active: n%2 == 0,
		Home: Place{
			Latitude:  52.5 + float64(n)/1024,
			Longitude: 13.4 - float64(n)/1024,
			Zip:       10_000 + n,
		},
		Tags:   []string{"admin", "staff", "on-call"},
		Limits: map[string]int64{"requests": 1000 + n, "uploads": 20, "projects": n % 7},
	}
}

func users() []User {
	var list []User
	for n := range int64(1000) {
		list = append(list, user(n))
	}
	return list
}

func allBytes() []byte {
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(uint32(i) * 167 >> 3)
	}
	return data
}
