//! What a client and a server promise, in each codec.

/// Makes tests of what holds in any codec, in one of them.
macro_rules! in_codec {
    ($codec:expr) => {
        in_codec! {
            $codec;
            cases:
                a_call_gets_its_reply
                errors_are_in_go_s_words_and_the_connection_goes_on
                an_argument_or_reply_of_another_type_fails_the_call_alone
                methods_run_concurrently_and_replies_overtake
                a_deadline_names_method_and_duration
                a_dropped_call_s_late_reply_is_thrown_away
                closing_fails_pending_and_later_calls
                a_lost_connection_fails_pending_calls_at_once_and_later_ones_differently
                random_bytes_for_replies_fail_the_calls_with_a_reason
                random_bytes_for_requests_end_the_serving_with_a_reason
                a_method_that_panics_is_answered
                large_arguments_and_replies_pass_while_small_ones_do
                calls_that_run_when_the_peer_finishes_are_still_answered
                ten_thousand_calls_64_at_a_time_get_their_own_replies
            ;
            wrong:
                values_that_do_not_decode_fail_their_call_alone
                a_request_header_that_is_none_ends_the_serving_at_once
                a_reply_header_that_is_none_ends_the_client_at_once
                calls_that_run_are_answered_after_a_request_header_that_is_none
                a_header_may_come_long_before_its_body
            ;
        }
    };
    ($codec:expr; $($module:ident: $($name:ident)*;)*) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            crate::$module::$name($codec).await;
        }
    )*)*};
}

mod batches;
mod bounds;
mod cases;
mod gob;
mod headers;
mod locks;
#[cfg(feature = "msgpack")]
mod msgpack;
mod registry;
mod session_ends;
mod wrong;
