//! The README's table of what is tested in which direction, made from the names of the tests.
//!
//! A test that no row names fails this one, as does a row that names a test that is not there.

use std::collections::BTreeSet;
use std::process::Command;

struct Row {
    what: &'static str,
    /// Tests that run with a plugin in Rust and with one in Go.
    cases: &'static [&'static str],
    /// Tests that `go/cmd/kithost` runs.
    go_host: &'static [&'static str],
    /// Tests of several directions, with the columns they are for.
    others: &'static [(&'static str, [bool; 3])],
}

const EVERY: [bool; 3] = [true; 3];
const RUST_TO_RUST: [bool; 3] = [true, false, false];
const GO_HOST: [bool; 3] = [false, false, true];

const ROWS: &[Row] = &[
    Row {
        what: "calls: structs, errors, missing method and service, unknown plugin",
        cases: &[
            "greet",
            "struct_argument_and_reply",
            "server_error",
            "missing_method_and_the_plugin_lives_on",
            "missing_service",
            "unknown_plugin_name",
            "an_argument_of_another_type",
            "ping",
            "several_interfaces_in_one_process",
        ],
        go_host: &[
            "greet",
            "describe",
            "server_error",
            "missing_method",
            "missing_service",
            "unknown_plugin",
            "bad_argument",
            "ill_formed",
            "ping",
        ],
        others: &[
            ("examples::the_greeter_hosts_itself", RUST_TO_RUST),
            ("examples::the_greeter_by_hand_hosts_itself", RUST_TO_RUST),
            (
                "examples::the_greeter_hosts_go_s_greeter",
                [false, true, false],
            ),
            ("examples::go_s_host_hosts_the_greeter_plugin", GO_HOST),
        ],
    },
    Row {
        what: "10,000 calls, 64 at a time",
        cases: &["ten_thousand_calls_64_at_a_time"],
        go_host: &["concurrent"],
        others: &[],
    },
    Row {
        what: "interfaces passed, returned, nested; numbers that are never dialed",
        cases: &[
            "the_plugin_calls_an_interface_of_the_host",
            "the_host_calls_an_interface_of_the_plugin",
            "both_nested_in_one_call",
            "a_broker_id_that_nobody_dials",
        ],
        go_host: &["callback", "returned_interface", "nested", "stray_stream"],
        others: &[],
    },
    Row {
        what: "arguments and replies that may be absent; values of types that are not known, passed on",
        cases: &[
            "an_option_as_the_argument_and_as_the_reply",
            "values_of_types_that_are_not_known_pass_through",
        ],
        go_host: &[],
        others: &[
            ("shape_host::shape_optional", GO_HOST),
            ("shape_host::shape_unmodelled", GO_HOST),
        ],
    },
    Row {
        what: "traits: greeter, kv, counter with its helper, other names and forms, missing methods",
        cases: &[
            "no_argument",
            "a_map_of_arguments_and_an_interface_as_reply",
            "a_helper_that_the_plugin_calls",
            "a_service_of_another_name",
            "lettered_fields_and_an_empty_struct",
            "a_default_body_stands_in_for_a_missing_method",
        ],
        go_host: &[],
        others: &[
            ("shape_host::shape_greeter", GO_HOST),
            ("shape_host::shape_kv", GO_HOST),
            ("shape_host::shape_counter", GO_HOST),
            ("shape_host::shape_other_service", GO_HOST),
            ("shape_host::shape_letters_and_empty", GO_HOST),
        ],
    },
    Row {
        what: "traits: readers and writers, interfaces returned and kept",
        cases: &[
            "readers_and_writers_as_arguments_and_result",
            "rounds_of_readers_writers_and_callbacks",
            "a_returned_interface",
            "a_kept_interface_lives_until_the_plugin_lets_go",
        ],
        go_host: &[],
        others: &[
            ("shape_host::shape_streams", GO_HOST),
            ("shape_host::rounds_of_streams", GO_HOST),
            ("shape_host::shape_returned_interface", GO_HOST),
            ("shape_host::shape_kept_interface", GO_HOST),
        ],
    },
    Row {
        what: "traits: broker ids within structs, lists, maps and options; raw streams",
        cases: &[
            "within_structs_in_a_list",
            "within_parameters_and_a_map_of_a_result",
            "a_raw_stream_each_way",
        ],
        go_host: &[],
        others: &[
            ("shape_host::shape_nested_ids", GO_HOST),
            ("shape_host::shape_nested_parameters", GO_HOST),
            ("shape_host::shape_raw_stream", GO_HOST),
            ("shape_host::shape_never_lent", GO_HOST),
        ],
    },
    Row {
        what: "traits: errors keep their type, through callbacks and other processes; their text in Go",
        cases: &[
            "an_error_keeps_its_type",
            "an_error_keeps_its_type_through_a_callback",
            "an_error_keeps_its_type_through_a_third_process",
            "a_host_that_does_not_know_the_type_passes_it_on",
            "the_causes_of_an_error_arrive",
        ],
        go_host: &[],
        others: &[("shape_host::shape_errors", GO_HOST)],
    },
    Row {
        what: "traits: streams of items, both ways at once, failed, stopped, handed on",
        cases: &[
            "items_of_the_plugin_arrive",
            "items_of_the_host_arrive",
            "items_go_both_ways_at_once",
            "an_error_ends_a_stream_of_items",
            "dropping_a_stream_stops_the_plugin",
            "items_of_one_plugin_go_to_another",
        ],
        go_host: &[],
        others: &[
            (
                "examples::a_subscription_is_ended_by_its_subscriber",
                RUST_TO_RUST,
            ),
            ("shape_host::shape_items_received", GO_HOST),
            ("shape_host::shape_items_sent", GO_HOST),
            ("shape_host::shape_items_both_ways", GO_HOST),
            ("shape_host::shape_items_fail", GO_HOST),
            ("shape_host::shape_items_stopped", GO_HOST),
        ],
    },
    Row {
        what: "traits: an interface of one plugin handed to another",
        cases: &["an_interface_of_one_plugin_is_handed_to_another"],
        go_host: &[],
        others: &[],
    },
    Row {
        what: "64 MiB through a reader and a writer, calls beside it",
        cases: &[
            "a_reader_of_64_mib_while_calls_go_on",
            "a_writer_of_64_mib_while_calls_go_on",
        ],
        go_host: &["reader64", "writer64"],
        others: &[],
    },
    Row {
        what: "a reader dropped in the middle, streams beyond the limit",
        cases: &[
            "a_dropped_reader_ends_the_plugin_s_writing",
            "streams_beyond_the_limit_are_refused_alone",
        ],
        go_host: &[],
        others: &[],
    },
    Row {
        what: "streams that are closed and dropped arrive whole, though the reader writes",
        cases: &["all_arrives_at_a_plugin_that_asks_for_each_piece"],
        go_host: &[],
        others: &[
            ("shape_host::shape_pulled_writer", GO_HOST),
            (
                "yamux::a_go_peer_that_asks_for_each_piece_gets_all_of_a_dropped_stream",
                [false, true, true],
            ),
            (
                "yamux::asking_for_each_piece_gets_all_that_a_go_peer_gave",
                [false, true, true],
            ),
            (
                "yamux::yamux_sees_no_frame_for_a_stream_that_is_gone",
                [false, true, true],
            ),
        ],
    },
    Row {
        what: "readers and writers that fail or are cancelled are errors, not ends",
        cases: &[
            "a_reader_that_fails_is_not_imported",
            "the_reader_of_an_abandoned_call_is_not_imported",
            "a_writer_that_fails_fails_the_plugin_s_writing",
        ],
        go_host: &[],
        others: &[("shape_host::shape_broken_reader", GO_HOST)],
    },
    Row {
        what: "the same bytes as Go's in the same conversation",
        cases: &[],
        go_host: &[],
        others: &[
            (
                "golden::a_rust_host_says_to_go_s_plugin_what_go_s_host_says",
                [false, true, false],
            ),
            (
                "golden::a_rust_plugin_says_to_go_s_host_what_go_s_plugin_says",
                GO_HOST,
            ),
        ],
    },
    Row {
        what: "deadlines, cancels and traces cross, to Go with its package `plugwire`",
        cases: &[],
        go_host: &[],
        others: &[
            (
                "context::a_rust_plugin_sees_deadlines_and_traces",
                RUST_TO_RUST,
            ),
            (
                "context::a_dropped_call_ends_in_a_rust_plugin_and_behind_it",
                RUST_TO_RUST,
            ),
            (
                "context::a_go_plugin_with_the_package_sees_deadlines_and_traces",
                [false, true, false],
            ),
            (
                "context::a_dropped_call_ends_in_a_go_plugin_with_the_package_and_behind_it",
                [false, true, false],
            ),
            (
                "context::a_go_plugin_with_the_package_says_so_where_it_was_offered",
                [false, true, false],
            ),
            ("context::context_of_a_go_host", GO_HOST),
            ("context::cancel_by_a_go_host", GO_HOST),
            ("context::cancel_through_a_rust_plugin", GO_HOST),
            ("context::deadline_through_a_rust_plugin", GO_HOST),
            ("context::thousand_cancels_by_a_go_host", GO_HOST),
            ("context::cancel_of_a_nested_watcher", GO_HOST),
            ("context::deadline_of_a_nested_watcher", GO_HOST),
            (
                "context::an_interface_in_a_reply_of_a_rust_plugin_sees_deadlines",
                RUST_TO_RUST,
            ),
            (
                "context::an_interface_in_a_reply_of_a_go_plugin_with_the_package_sees_deadlines",
                [false, true, false],
            ),
        ],
    },
    Row {
        what: "without that package nothing of it is seen",
        cases: &[],
        go_host: &[],
        others: &[(
            "context::a_go_plugin_without_the_package_sees_what_it_always_saw",
            [false, true, false],
        )],
    },
    Row {
        what: "600 brokered streams at once",
        cases: &[
            "six_hundred_streams_dialed_by_the_host",
            "six_hundred_streams_dialed_by_the_plugin",
        ],
        go_host: &["streams600_accept", "streams600_dial"],
        others: &[],
    },
    Row {
        what: "one-way and idle streams for 80 s",
        cases: &[],
        go_host: &[],
        others: &[(
            "longlived::one_way_and_idle_streams_outlive_80_seconds_in_every_direction",
            EVERY,
        )],
    },
    Row {
        what: "single writes of 8 MiB",
        cases: &["large_single_writes_arrive"],
        go_host: &["bigwrite_from_host", "bigwrite_to_host"],
        others: &[],
    },
    Row {
        what: "stdout and stderr whole and in order",
        cases: &[
            "output_arrives_in_order_and_whole",
            "output_right_before_the_kill_arrives",
        ],
        go_host: &["stdio"],
        others: &[],
    },
    Row {
        what: "logs: hclog's records with their pairs, crashes as errors",
        cases: &[
            "an_hclog_line_arrives_as_a_record",
            "pairs_of_every_type_arrive",
            "a_crash_arrives_as_errors",
        ],
        go_host: &["log", "log_record", "plugin_panic", "log_after_panic"],
        others: &[],
    },
    Row {
        what: "kill, and kill of a plugin that ignores it",
        cases: &[
            "kill_leaves_no_process_and_no_socket",
            "a_plugin_that_ignores_quit_is_killed",
            "dropping_the_client_ends_the_process",
            "rounds_of_ends",
        ],
        go_host: &["kill", "kill_ignoring_quit", "kill_blocked"],
        others: &[("shape_host::rounds_of_ends", GO_HOST)],
    },
    Row {
        what: "the plugin dies with calls pending",
        cases: &["a_plugin_that_dies_fails_every_pending_call"],
        go_host: &["plugin_crash"],
        others: &[],
    },
    Row {
        what: "a crash is reported: exit status or signal, panic, last lines",
        cases: &[
            "an_exit_is_told_by_the_call_and_by_all_others",
            "a_signal_is_told",
            "a_panic_is_told_with_its_text",
            "a_death_is_told_soon",
            "a_plugin_that_is_asked_to_quit_has_not_crashed",
        ],
        go_host: &[],
        others: &[],
    },
    Row {
        what: "a supervised plugin is started again, replaced under its callers, stopped when idle",
        cases: &[
            "a_supervised_plugin_is_started_again_and_replaced",
            "an_idle_supervised_plugin_is_stopped_and_started",
        ],
        go_host: &[],
        others: &[("examples::the_supervised_dice_roll_on", RUST_TO_RUST)],
    },
    Row {
        what: "a supervised plugin survives an upgrade of its host, and its log does",
        cases: &["a_supervised_plugin_survives_an_upgrade_and_a_crash_of_its_host"],
        go_host: &[],
        others: &[],
    },
    Row {
        what: "nothing is left in the temporary directory, and one too deep is replaced",
        cases: &[
            "a_host_that_drops_its_client_and_exits_leaves_nothing",
            "what_is_left_of_both_is_removed_by_the_next_host",
            "the_directory_is_locked_while_it_is_used",
            "a_temporary_directory_too_deep_for_sockets_is_replaced",
        ],
        go_host: &[],
        others: &[
            (
                "leftover_cases::a_detached_plugin_finds_a_place_that_is_not_too_deep",
                RUST_TO_RUST,
            ),
            (
                "leftover_cases::a_go_plugin_without_a_host_keeps_its_socket",
                [false, true, false],
            ),
            (
                "leftover_cases::a_rust_plugin_of_a_go_host_finds_a_place_that_is_not_too_deep",
                GO_HOST,
            ),
            (
                "leftover_cases::a_rust_plugin_of_a_killed_go_host_leaves_nothing",
                GO_HOST,
            ),
            (
                "leftover_cases::what_a_killed_plugin_of_a_go_host_leaves_is_removed_by_the_next",
                GO_HOST,
            ),
        ],
    },
    Row {
        what: "the host dies without a word",
        cases: &[],
        go_host: &[],
        others: &[
            (
                "reattach_cases::a_rust_plugin_does_not_outlive_a_rust_host",
                RUST_TO_RUST,
            ),
            (
                "reattach_cases::a_rust_plugin_does_not_outlive_a_go_host",
                GO_HOST,
            ),
        ],
    },
    Row {
        what: "version mismatch, wrong cookie",
        cases: &["version_mismatch", "wrong_cookie"],
        go_host: &["version_mismatch", "wrong_cookie"],
        others: &[],
    },
    Row {
        what: "several app versions",
        cases: &[
            "the_highest_shared_version_is_served",
            "no_shared_version_is_reported_with_the_plugins_lowest",
            "a_host_without_a_list_gets_the_lowest",
        ],
        go_host: &["versions"],
        others: &[],
    },
    Row {
        what: "reattach; plugins in test mode",
        cases: &[
            "a_plugin_gone_meanwhile_is_not_found",
            "a_plugin_of_another_version_is_refused",
            "a_kill_by_one_host_ends_the_plugin_for_all",
            "a_stranger_with_the_plugins_number_is_left_alone",
            "a_plugin_in_test_mode_is_not_killed",
            "a_plugin_whose_host_disconnects_keeps_listening",
        ],
        go_host: &["reattach"],
        others: &[(
            "reattach_cases::a_go_host_attaches_to_a_rust_plugin_in_test_mode",
            GO_HOST,
        )],
    },
    Row {
        what: "plugins that outlive their host",
        cases: &[
            "a_plugin_outlives_its_host_and_is_taken_over",
            "a_detached_plugin_outlives_its_client",
            "a_plugin_that_was_let_go_lives_with_its_host",
            "what_a_plugin_that_was_let_go_leaves_behind_is_removed",
        ],
        go_host: &[],
        others: &[],
    },
    Row {
        what: "plugins on the network, reached by host and port",
        cases: &[],
        go_host: &[],
        others: &[
            (
                "reattach_cases::a_plugin_on_the_network_is_reached_by_host_and_port",
                RUST_TO_RUST,
            ),
            (
                "reattach_cases::a_plugin_does_not_listen_to_everybody_unencrypted",
                RUST_TO_RUST,
            ),
            ("dial_forms::go_still_dials_as_committed", RUST_TO_RUST),
        ],
    },
    Row {
        what: "the same with TLS, by a name of the plugin's own",
        cases: &[],
        go_host: &[],
        others: &[
            (
                "tls_cases::a_plugin_on_the_network_is_reached_by_host_name_and_port_with_tls",
                RUST_TO_RUST,
            ),
            (
                "tls_cases::auto_mtls_will_do_for_the_network_too",
                RUST_TO_RUST,
            ),
            ("go_host::configured_tls_over_tcp", GO_HOST),
        ],
    },
    Row {
        what: "configured TLS: the right hosts, reattaching too; strangers and silent ones",
        cases: &[
            "configured_tls_admits_the_right_hosts_and_no_strangers",
            "a_plugin_of_another_authority_or_name_is_refused",
            "a_configured_plugin_does_not_do_auto_mtls",
            "a_plugin_without_tls_does_not_answer_a_host_with_it",
            "a_detached_plugin_is_taken_over_by_configured_tls",
            "a_silent_connection_keeps_nobody_out",
        ],
        go_host: &["configured_tls"],
        others: &[
            (
                "tls_cases::a_silent_connection_is_closed_in_time",
                RUST_TO_RUST,
            ),
            (
                "tls_cases::silent_connections_make_room_for_a_host",
                RUST_TO_RUST,
            ),
            (
                "tls_cases::a_silent_plugin_is_given_up_in_time",
                RUST_TO_RUST,
            ),
        ],
    },
    Row {
        what: "certificates at launch: of Go's make; cut short, garbled, another's, not asked for",
        cases: &[
            "a_certificate_cut_short_or_garbled_is_named",
            "a_plugin_without_a_certificate_is_refused",
            "a_plugin_with_another_s_certificate_is_refused",
            "a_certificate_that_nobody_asked_for_is_refused",
            "a_certificate_in_the_environment_from_elsewhere_is_reported",
        ],
        go_host: &[],
        others: &[
            (
                "certificate_cases::one_time_certificates_are_of_go_s_make",
                EVERY,
            ),
            (
                "certificate_cases::a_host_s_certificate_cut_short_or_garbled_is_named",
                RUST_TO_RUST,
            ),
        ],
    },
    Row {
        what: "the socket's directory, group and mode",
        cases: &[
            "the_socket_is_in_a_private_directory",
            "the_socket_goes_where_the_host_says_and_to_its_group",
        ],
        go_host: &["group"],
        others: &[],
    },
    Row {
        what: "checksums, runners, terminals",
        cases: &[
            "an_executable_with_the_right_checksum_is_started",
            "an_executable_with_a_wrong_checksum_is_not",
            "an_executable_replaced_after_its_check_is_not_started",
            "a_checked_script_runs",
            "a_runner_starts_the_plugin_and_translates_addresses",
            "a_runner_says_what_may_be_the_matter",
            "a_terminal_stays_a_terminal",
        ],
        go_host: &[],
        others: &[],
    },
    Row {
        what: "the rich codec, asked for and offered, beside peers that do not know it",
        cases: &[],
        go_host: &[],
        others: &[
            (
                "rich::a_go_plugin_that_is_asked_for_the_rich_codec_is_refused_at_the_launch",
                [false, true, false],
            ),
            (
                "rich::a_go_host_with_an_offer_in_its_environment_is_spoken_to_in_gob",
                GO_HOST,
            ),
        ],
    },
    Row {
        what: "managed clients, cleaned up together",
        cases: &[],
        go_host: &[],
        others: &[(
            "launch_cases::managed_clients_are_cleaned_up_together",
            [true, true, false],
        )],
    },
];

/// What is run once more with AutoMTLS, and what there is to say of it alone.
const ROWS_BY_AUTO_MTLS: &[Row] = &[
    Row {
        what: "AutoMTLS: calls, interfaces, 64 MiB streams, output, logs, kill, crashes",
        cases: &[
            "greet",
            "struct_argument_and_reply",
            "missing_method_and_the_plugin_lives_on",
            "ten_thousand_calls_64_at_a_time",
            "the_plugin_calls_an_interface_of_the_host",
            "both_nested_in_one_call",
            "a_reader_of_64_mib_while_calls_go_on",
            "a_writer_of_64_mib_while_calls_go_on",
            "large_single_writes_arrive",
            "six_hundred_streams_dialed_by_the_host",
            "output_arrives_in_order_and_whole",
            "output_right_before_the_kill_arrives",
            "a_crash_arrives_as_errors",
            "kill_leaves_no_process_and_no_socket",
            "a_plugin_that_ignores_quit_is_killed",
            "dropping_the_client_ends_the_process",
            "a_plugin_that_dies_fails_every_pending_call",
        ],
        go_host: &[
            "greet",
            "describe",
            "callback",
            "nested",
            "reader64",
            "writer64",
            "bigwrite_to_host",
            "streams600_accept",
            "stdio",
            "log_record",
            "kill",
            "kill_ignoring_quit",
            "kill_blocked",
            "plugin_crash",
            "plugin_panic",
        ],
        others: &[],
    },
    Row {
        what: "AutoMTLS: strangers are refused, and the host is served on",
        cases: &["by_auto_mtls_strangers_are_refused_and_the_host_is_served"],
        go_host: &["strangers"],
        others: &[],
    },
];

/// What the names of a row's `cases` and `go_host` begin with, by column.
const PLAIN: [&str; 3] = ["rust_plugin", "go_plugin", "go_host"];
const BY_AUTO_MTLS: [&str; 3] = [
    "rust_plugin_by_auto_mtls",
    "go_plugin_by_auto_mtls",
    "go_host::auto_mtls",
];

impl Row {
    /// The names of the tests that stand for the mark in this column.
    fn tests(&self, modules: [&str; 3], column: usize) -> Vec<String> {
        let names = if column == 2 {
            self.go_host
        } else {
            self.cases
        };
        let others = self.others.iter().filter(|(_, columns)| columns[column]);
        names
            .iter()
            .map(|name| format!("{}::{name}", modules[column]))
            .chain(others.map(|(name, _)| (*name).to_owned()))
            .collect()
    }
}

/// The tests of this executable, but for those of MessagePack and of defaults, which have no
/// plugins.
fn present() -> BTreeSet<String> {
    let this = std::env::current_exe().unwrap();
    let list = Command::new(this)
        .args(["--list", "--format", "terse"])
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    list.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| {
            let of_no_direction = ["msgpack::", "compatibility::", "defaults::"];
            !of_no_direction
                .iter()
                .any(|module| name.starts_with(module))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_table_of_the_readme_names_what_is_tested() {
    let present = present();
    let mut unnamed = present.clone();
    let mut table = String::from(
        "| | Rust host, Rust plugin | Rust host, Go plugin | Go host, Rust plugin |\n\
         | --- | --- | --- | --- |\n",
    );
    let plain = ROWS.iter().map(|row| (row, PLAIN));
    let by_auto_mtls = ROWS_BY_AUTO_MTLS.iter().map(|row| (row, BY_AUTO_MTLS));
    for (row, modules) in plain.chain(by_auto_mtls) {
        table += &format!("| {} |", row.what);
        for column in 0..3 {
            let tests = row.tests(modules, column);
            for test in &tests {
                assert!(present.contains(test), "{}: no test {test}", row.what);
                unnamed.remove(test);
            }
            table += if tests.is_empty() { " – |" } else { " ✓ |" };
        }
        table += "\n";
    }
    assert!(unnamed.is_empty(), "tests that no row names: {unnamed:#?}");

    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(readme.contains(&table), "the README lacks:\n{table}");
}
