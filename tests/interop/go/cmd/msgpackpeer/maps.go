package main

import (
	"encoding/gob"
	"errors"
	"fmt"
)

// Maps come empty and are written into, which panics where one of them is nil.
type Maps struct {
	Counts   map[string]int
	ByNumber map[int]string
	Nested   map[string]map[string]int
	List     []map[string]int
	Nil      map[string]int
}

func init() { gob.Register(map[string]interface{}{}) }

// emptyMaps are what either side sends to the other.
func emptyMaps() Maps {
	return Maps{
		Counts:   map[string]int{},
		ByNumber: map[int]string{},
		Nested:   map[string]map[string]int{"a": {}},
		List:     []map[string]int{{}},
	}
}

// fill writes into every map but the one that is to be nil.
func (m *Maps) fill() error {
	if m.Nil != nil {
		return errors.New("a map that is none is not nil")
	}
	m.Counts["x"] = 1
	m.ByNumber[1] = "x"
	m.Nested["a"]["x"] = 1
	m.List[0]["x"] = 1
	return nil
}

// filled is what comes of it.
func filled() Maps {
	m := emptyMaps()
	if err := m.fill(); err != nil {
		panic(err)
	}
	return m
}

// FillMaps writes into the maps of its caller.
func (s *service) FillMaps(m Maps, r *Maps) error {
	if err := m.fill(); err != nil {
		return err
	}
	*r = m
	return nil
}

// FillLoose writes into a map within a map of interface values.
func (s *service) FillLoose(m map[string]interface{}, r *map[string]interface{}) error {
	*r = m
	return fillLoose(m)
}

func fillLoose(m map[string]interface{}) error {
	switch inner := m["inner"].(type) {
	case map[string]interface{}:
		inner["x"] = "y"
	case map[interface{}]interface{}:
		inner["x"] = "y"
	default:
		return fmt.Errorf("the inner map is %#v", inner)
	}
	return nil
}

// maps writes into the maps that a Rust server answers with, and has it see what a Go client adds.
func maps(e *env) error {
	var got Maps
	if err := e.call("Plugin.EchoMaps", emptyMaps(), &got); err != nil {
		return err
	}
	if err := got.fill(); err != nil {
		return err
	}
	if err := same(got, filled()); err != nil {
		return err
	}
	var loose map[string]interface{}
	if err := e.call("Plugin.EchoLoose", map[string]interface{}{"inner": map[string]interface{}{}}, &loose); err != nil {
		return err
	}
	return fillLoose(loose)
}
