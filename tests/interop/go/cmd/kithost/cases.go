package main

import "time"

// testCase is one run against a plugin process of its own.
type testCase struct {
	name  string
	limit time.Duration // 0 is a minute; longlived adds the time it is told to last
	run   func(*env) (detail string, err error)
	shows string
}

// apart are the cases that another program has its part in, or that take TLS.
var apart = []testCase{
	{name: "reattach_json", run: reattachJSON, shows: "a plugin in test mode is found by JSON, and not killed"},
	{name: "strangers", run: strangers, shows: "with TLS, nobody but the host is served"},
	{name: "abandon", run: abandon, shows: "nothing yet: it starts a plugin and waits to be killed"},
}

var cases = []testCase{
	{name: "ping", run: ping, shows: "the control stream answers, beside calls too"},
	{name: "greet", run: greet, shows: "a nil interface as argument, and two plugins in one process"},
	{name: "describe", run: describe, shows: "nested, recursive and absent gob values survive both ways"},
	{name: "server_error", run: serverError, shows: "a method's error arrives with its exact text"},
	{name: "missing_method", run: missingMethod, shows: "net/rpc's error for an unknown method; the client lives on"},
	{name: "missing_service", run: missingService, shows: "net/rpc's error for an unknown service"},
	{name: "ill_formed", run: illFormed, shows: "net/rpc's error for a method name without a dot"},
	{name: "unknown_plugin", run: unknownPlugin, shows: "the error for a plugin that the host or the plugin lacks"},
	{name: "bad_argument", run: badArgument, shows: "an argument of the wrong type fails its call alone"},
	{name: "concurrent", run: concurrent, shows: "overlapping calls get their own replies, in any order"},
	{name: "callback", run: callback, shows: "the plugin calls the host during a call, either side dialing first"},
	{name: "returned_interface", run: returnedInterface, shows: "objects come back as broker ids, each with its own state"},
	{name: "nested", run: nested, shows: "host to plugin to host within one call, on a kept object"},
	{name: "reader64", run: reader64, shows: "64 MiB out of a host's reader while calls go on"},
	{name: "writer64", run: writer64, shows: "64 MiB into a host's writer while calls go on"},
	{name: "bigwrite_from_host", run: bigWriteFromHost, shows: "the plugin takes writes far beyond its window"},
	{name: "bigwrite_to_host", run: bigWriteToHost, shows: "the plugin makes writes far beyond the host's window"},
	{name: "streams600_dial", run: streamsDial, shows: "600 streams open at once, opened by the host"},
	{name: "streams600_accept", run: streamsAccept, shows: "600 streams open at once, opened by the plugin"},
	{name: "stray_stream", run: strayStream, shows: "a stream that nobody accepts is closed after 5 s and disturbs nothing"},
	{name: "longlived", run: longLived, shows: "one-way and idle streams outlast yamux's 75 s and its keep-alive"},
	{name: "stdio", run: stdio, shows: "the plugin's output arrives complete, in order and apart"},
	{name: "log", run: logLine, shows: "a log line on the original stderr reaches the host as hclog JSON"},
	{name: "log_after_panic", run: logAfterPanic, shows: "a panic that a Rust plugin survives is one error in the host's log"},
	{name: "log_record", run: logRecord, shows: "and becomes a record of the host's logger, with level, module and pairs"},
	{name: "kill", run: kill, shows: "Kill is graceful and leaves no process and no socket"},
	{name: "kill_ignoring_quit", run: killIgnoringQuit, shows: "a plugin that will not quit is killed after 2 s"},
	{name: "kill_blocked", run: killBlocked, shows: "with all its threads blocked a plugin answers pings, and quits"},
	{name: "group", run: group, shows: "the socket belongs to the group that the host names"},
	{name: "reattach", run: reattach, shows: "a second client takes the plugin over and ends it"},
	{name: "version_mismatch", run: versionMismatch, shows: "the error when no protocol version is shared"},
	{name: "versions", run: versions, shows: "of several versions the highest shared one is served"},
	{name: "wrong_cookie", run: wrongCookie, shows: "a plugin not started by its host says so and exits with 1"},
	{name: "plugin_crash", run: pluginExit, shows: "pending calls fail when the plugin exits"},
	{name: "plugin_panic", run: pluginPanic, shows: "pending calls fail when the plugin panics, and its message arrives"},
}
