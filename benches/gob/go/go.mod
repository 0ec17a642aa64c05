module plugwire.test/gobspeed

go 1.24.0
