//! The kit's tests: a Rust host with the Rust plugin and with Go's, and Go's host with the Rust
//! plugin.
//!
//! Every case of `cases` runs against both plugins, as `rust_plugin::NAME` and `go_plugin::NAME`,
//! and some by AutoMTLS, too; `go_host` runs the cases of `go/cmd/kithost` against the Rust plugin.

mod broker_cases;
mod call_cases;
mod certificate_cases;
mod compatibility;
mod context;
mod crash_cases;
mod cut_off_cases;
mod defaults;
mod dial_forms;
mod ending_cases;
mod error_cases;
mod examples;
mod go;
mod go_host;
mod gob_text;
mod golden;
mod item_cases;
mod launch_cases;
mod leftover_cases;
mod lifecycle_cases;
mod log_cases;
mod longlived;
mod lookup_cases;
mod msgpack;
mod msgpack_cases;
mod msgpack_service;
mod msgpack_types;
mod nest_cases;
mod peer;
mod pki;
mod reattach_cases;
mod rich;
mod shape_cases;
mod shape_host;
mod stdio_cases;
mod stream_cases;
mod supervisor_cases;
mod terminal_cases;
mod tls_cases;
mod version_cases;
mod yamux;

/// Runs a case against both plugins.
macro_rules! cases {
    (
        $rust_plugin:ident($rust:ident), $go_plugin:ident($go:ident):
        $($module:ident::$name:ident),* $(,)?
    ) => {
        mod $rust_plugin {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::$module::$name(crate::peer::Peer::$rust).await;
                }
            )*
        }

        mod $go_plugin {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if crate::go::present() {
                        crate::$module::$name(crate::peer::Peer::$go).await;
                    }
                }
            )*
        }
    };
}

cases! {
    rust_plugin(Rust), go_plugin(Go):
    call_cases::greet,
    call_cases::struct_argument_and_reply,
    call_cases::server_error,
    call_cases::missing_method_and_the_plugin_lives_on,
    call_cases::missing_service,
    call_cases::unknown_plugin_name,
    call_cases::an_argument_of_another_type,
    call_cases::ten_thousand_calls_64_at_a_time,
    call_cases::ping,
    broker_cases::the_plugin_calls_an_interface_of_the_host,
    broker_cases::the_host_calls_an_interface_of_the_plugin,
    broker_cases::both_nested_in_one_call,
    broker_cases::a_broker_id_that_nobody_dials,
    broker_cases::streams_beyond_the_limit_are_refused_alone,
    stream_cases::a_reader_of_64_mib_while_calls_go_on,
    stream_cases::a_writer_of_64_mib_while_calls_go_on,
    stream_cases::large_single_writes_arrive,
    stream_cases::six_hundred_streams_dialed_by_the_host,
    stream_cases::six_hundred_streams_dialed_by_the_plugin,
    stream_cases::a_dropped_reader_ends_the_plugin_s_writing,
    stream_cases::all_arrives_at_a_plugin_that_asks_for_each_piece,
    cut_off_cases::a_reader_that_fails_is_not_imported,
    cut_off_cases::the_reader_of_an_abandoned_call_is_not_imported,
    cut_off_cases::a_writer_that_fails_fails_the_plugin_s_writing,
    stdio_cases::output_arrives_in_order_and_whole,
    stdio_cases::output_right_before_the_kill_arrives,
    log_cases::an_hclog_line_arrives_as_a_record,
    log_cases::pairs_of_every_type_arrive,
    log_cases::a_crash_arrives_as_errors,
    lifecycle_cases::kill_leaves_no_process_and_no_socket,
    lifecycle_cases::a_plugin_that_ignores_quit_is_killed,
    lifecycle_cases::dropping_the_client_ends_the_process,
    lifecycle_cases::version_mismatch,
    lifecycle_cases::wrong_cookie,
    lifecycle_cases::a_plugin_that_dies_fails_every_pending_call,
    crash_cases::an_exit_is_told_by_the_call_and_by_all_others,
    crash_cases::a_signal_is_told,
    crash_cases::a_panic_is_told_with_its_text,
    crash_cases::a_plugin_that_is_asked_to_quit_has_not_crashed,
    crash_cases::a_death_is_told_soon,
    ending_cases::rounds_of_ends,
    supervisor_cases::a_supervised_plugin_is_started_again_and_replaced,
    supervisor_cases::a_supervised_plugin_survives_an_upgrade_and_a_crash_of_its_host,
    supervisor_cases::an_idle_supervised_plugin_is_stopped_and_started,
    launch_cases::an_executable_with_the_right_checksum_is_started,
    launch_cases::an_executable_with_a_wrong_checksum_is_not,
    launch_cases::an_executable_replaced_after_its_check_is_not_started,
    launch_cases::a_checked_script_runs,
    launch_cases::a_runner_starts_the_plugin_and_translates_addresses,
    launch_cases::a_runner_says_what_may_be_the_matter,
    launch_cases::the_socket_is_in_a_private_directory,
    launch_cases::the_socket_goes_where_the_host_says_and_to_its_group,
    launch_cases::several_interfaces_in_one_process,
    leftover_cases::a_host_that_drops_its_client_and_exits_leaves_nothing,
    leftover_cases::what_is_left_of_both_is_removed_by_the_next_host,
    leftover_cases::the_directory_is_locked_while_it_is_used,
    leftover_cases::a_temporary_directory_too_deep_for_sockets_is_replaced,
    reattach_cases::a_plugin_outlives_its_host_and_is_taken_over,
    reattach_cases::a_detached_plugin_outlives_its_client,
    reattach_cases::a_plugin_that_was_let_go_lives_with_its_host,
    reattach_cases::what_a_plugin_that_was_let_go_leaves_behind_is_removed,
    reattach_cases::a_plugin_gone_meanwhile_is_not_found,
    reattach_cases::a_stranger_with_the_plugins_number_is_left_alone,
    reattach_cases::a_plugin_of_another_version_is_refused,
    reattach_cases::a_kill_by_one_host_ends_the_plugin_for_all,
    reattach_cases::a_plugin_in_test_mode_is_not_killed,
    reattach_cases::a_plugin_whose_host_disconnects_keeps_listening,
    terminal_cases::a_terminal_stays_a_terminal,
    version_cases::the_highest_shared_version_is_served,
    version_cases::no_shared_version_is_reported_with_the_plugins_lowest,
    version_cases::a_host_without_a_list_gets_the_lowest,
    tls_cases::configured_tls_admits_the_right_hosts_and_no_strangers,
    tls_cases::a_plugin_of_another_authority_or_name_is_refused,
    tls_cases::a_configured_plugin_does_not_do_auto_mtls,
    tls_cases::a_plugin_without_tls_does_not_answer_a_host_with_it,
    tls_cases::a_detached_plugin_is_taken_over_by_configured_tls,
    tls_cases::a_silent_connection_keeps_nobody_out,
    certificate_cases::a_certificate_cut_short_or_garbled_is_named,
    certificate_cases::a_plugin_without_a_certificate_is_refused,
    certificate_cases::a_plugin_with_another_s_certificate_is_refused,
    certificate_cases::a_certificate_that_nobody_asked_for_is_refused,
    certificate_cases::a_certificate_in_the_environment_from_elsewhere_is_reported,
    lookup_cases::an_option_as_the_argument_and_as_the_reply,
    lookup_cases::values_of_types_that_are_not_known_pass_through,
    shape_cases::no_argument,
    shape_cases::a_map_of_arguments_and_an_interface_as_reply,
    shape_cases::a_helper_that_the_plugin_calls,
    shape_cases::readers_and_writers_as_arguments_and_result,
    shape_cases::rounds_of_readers_writers_and_callbacks,
    shape_cases::a_returned_interface,
    shape_cases::a_kept_interface_lives_until_the_plugin_lets_go,
    shape_cases::a_service_of_another_name,
    shape_cases::lettered_fields_and_an_empty_struct,
    shape_cases::a_default_body_stands_in_for_a_missing_method,
    shape_cases::an_interface_of_one_plugin_is_handed_to_another,
    nest_cases::within_structs_in_a_list,
    nest_cases::within_parameters_and_a_map_of_a_result,
    nest_cases::a_raw_stream_each_way,
    error_cases::an_error_keeps_its_type,
    error_cases::an_error_keeps_its_type_through_a_callback,
    error_cases::an_error_keeps_its_type_through_a_third_process,
    error_cases::a_host_that_does_not_know_the_type_passes_it_on,
    error_cases::the_causes_of_an_error_arrive,
    item_cases::items_of_the_plugin_arrive,
    item_cases::items_of_the_host_arrive,
    item_cases::items_go_both_ways_at_once,
    item_cases::an_error_ends_a_stream_of_items,
    item_cases::dropping_a_stream_stops_the_plugin,
    item_cases::items_of_one_plugin_go_to_another,
}

// By AutoMTLS. What has nothing to do with the connection is not run again.
cases! {
    rust_plugin_by_auto_mtls(RustByMtls), go_plugin_by_auto_mtls(GoByMtls):
    call_cases::greet,
    call_cases::struct_argument_and_reply,
    call_cases::missing_method_and_the_plugin_lives_on,
    call_cases::ten_thousand_calls_64_at_a_time,
    broker_cases::the_plugin_calls_an_interface_of_the_host,
    broker_cases::both_nested_in_one_call,
    stream_cases::a_reader_of_64_mib_while_calls_go_on,
    stream_cases::a_writer_of_64_mib_while_calls_go_on,
    stream_cases::large_single_writes_arrive,
    stream_cases::six_hundred_streams_dialed_by_the_host,
    stdio_cases::output_arrives_in_order_and_whole,
    stdio_cases::output_right_before_the_kill_arrives,
    log_cases::a_crash_arrives_as_errors,
    lifecycle_cases::kill_leaves_no_process_and_no_socket,
    lifecycle_cases::a_plugin_that_ignores_quit_is_killed,
    lifecycle_cases::dropping_the_client_ends_the_process,
    lifecycle_cases::a_plugin_that_dies_fails_every_pending_call,
    tls_cases::by_auto_mtls_strangers_are_refused_and_the_host_is_served,
}
