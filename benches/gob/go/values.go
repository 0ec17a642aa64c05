// Package gobspeed measures encoding/gob on the values of ../values.rs.
package gobspeed

import (
	"fmt"
	"reflect"
)

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

// Sample has twelve numbers, some of them mostly zero.
type Sample struct {
	Time        int64
	Station     uint64
	Sequence    uint64
	Temperature float64
	Pressure    float64
	Humidity    float64
	Wind        int64
	Gusts       int64
	Rain        int64
	Errors      int64
	Voltage     float64
	Valid       bool
}

func samples() []Sample {
	var list []Sample
	for n := range int64(1000) {
		s := Sample{
			Time:        1_700_000_000 + 60*n,
			Station:     uint64(n) % 12,
			Sequence:    uint64(n),
			Temperature: 18 + float64(n)/256,
			Pressure:    1013.25,
			Humidity:    0.5 + float64(n)/4096,
			Wind:        n % 30,
			Gusts:       3 + n%60,
			Voltage:     12.5,
			Valid:       n%5 != 0,
		}
		if n%10 == 0 {
			s.Rain = 4
		}
		if n%100 == 0 {
			s.Errors = 1
		}
		list = append(list, s)
	}
	return list
}

// Wide has 40 fields, of which a quarter are zero.
type Wide struct {
	TextA   string
	NumberA int64
	FloatA  float64
	FlagA   bool
	TextB   string
	NumberB int64
	FloatB  float64
	FlagB   bool
	TextC   string
	NumberC int64
	FloatC  float64
	FlagC   bool
	TextD   string
	NumberD int64
	FloatD  float64
	FlagD   bool
	TextE   string
	NumberE int64
	FloatE  float64
	FlagE   bool
	TextF   string
	NumberF int64
	FloatF  float64
	FlagF   bool
	TextG   string
	NumberG int64
	FloatG  float64
	FlagG   bool
	TextH   string
	NumberH int64
	FloatH  float64
	FlagH   bool
	TextI   string
	NumberI int64
	FloatI  float64
	FlagI   bool
	TextJ   string
	NumberJ int64
	FloatJ  float64
	FlagJ   bool
}

func wide(n int64) Wide {
	var w Wide
	fields := reflect.ValueOf(&w).Elem()
	for group := range fields.NumField() / 4 {
		nth := n + 1 + int64(group)
		if nth%4 != 0 {
			fields.Field(4 * group).SetString(fmt.Sprintf("value %d of %d", n, nth))
		}
		if nth%3 != 0 {
			fields.Field(4*group + 1).SetInt(nth * 37)
		}
		fields.Field(4*group + 2).SetFloat(float64(nth) / 16)
		fields.Field(4*group + 3).SetBool(nth%2 == 0)
	}
	return w
}

func wides() []Wide {
	var list []Wide
	for n := range int64(100) {
		list = append(list, wide(n))
	}
	return list
}

func numbers() []float64 {
	var list []float64
	for n := range 10_000 {
		list = append(list, float64(n)/8)
	}
	return list
}

func texts() []string {
	var list []string
	for n := range 10_000 {
		list = append(list, "abcdefghijklmnopqrstuvwxyz"[:3+7*n%24])
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
