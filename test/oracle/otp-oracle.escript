#!/usr/bin/env escript
%% Runs OTP's own supervisor (one_for_one) through random schedules of deaths and calls, and prints what it did as JSON:
%%
%%     escript otp-oracle.escript SEED COUNT > otp-schedules.json
%%
%% A schedule is some children, an outcome for each start to come, and batches of messages. All messages of a batch are in
%% the supervisor's mailbox, in order, before it looks at the first of them. Each batch is handled within one second of
%% the clock by which the supervisor counts its restarts, `at` seconds after the first. So the same seed always gives the
%% same lines.
%%
%% What the supervisor does is taken from a trace of its process: all its starts, stops and reports, in one order.
-module('otp-oracle').
-mode(compile).
-export([init/1, log/2, start_child/2]).

-define(NAMES, [a, b, c, d]).
%% How far into a second its first batch begins, how late another batch may begin in it, and when all has to be done.
-define(BEGIN_MS, 300).
-define(LAST_BEGIN_MS, 700).
-define(END_MS, 900).
%% So many schedules run side by side.
-define(AT_ONCE, 250).

main([Seed, Count]) ->
    run(list_to_integer(Seed), list_to_integer(Count));
main(_) ->
    io:format(standard_error, "Expected a seed and a number of schedules: escript otp-oracle.escript 1 200~n", []),
    halt(2).

run(Seed, Count) ->
    ets:new(watchers, [named_table, public, set]),
    logger:remove_handler(default),
    ok = logger:add_handler(oracle, ?MODULE, #{}),
    Schedules = in_turns(Seed, lists:seq(1, Count)),
    io:put_chars(["{\"otp\": \"", erlang:system_info(otp_release), "\", \"seed\": ", integer_to_list(Seed),
                  ", \"schedules\": [\n", lists:join(",\n", [json(S) || S <- Schedules]), "\n]}\n"]),
    halt(0).

in_turns(_, []) -> [];
in_turns(Seed, Numbers) ->
    {Now, Later} = lists:split(min(?AT_ONCE, length(Numbers)), Numbers),
    Main = self(),
    Runners = [spawn_monitor(fun() -> Main ! {self(), attempt(Seed, N, 0)} end) || N <- Now],
    [await(Runner) || Runner <- Runners] ++ in_turns(Seed, Later).

await({Runner, Monitor}) ->
    receive
        {Runner, Schedule} -> demonitor(Monitor, [flush]), Schedule;
        {'DOWN', Monitor, process, Runner, Reason} ->
            give_up("A schedule could not be run", Reason)
    after 120000 ->
        give_up("A schedule does not come to its end", process_info(Runner, current_stacktrace))
    end.

give_up(What, Why) ->
    io:format(standard_error, "~s: ~p~n", [What, Why]),
    halt(1).

%% A batch that was still being handled when its second was over tells nothing: the same schedule is run again.
attempt(_, N, 20) -> error({too_busy, N});
attempt(Seed, N, Attempt) ->
    %% Hashed, for the seeds of a tuple come out alike where its numbers are close.
    rand:seed(exsss, erlang:phash2({Seed, N}, 1 bsl 32)),
    Plan = plan(),
    case play(Plan) of
        late -> attempt(Seed, N, Attempt + 1);
        Happened -> (maps:remove(batches, Plan))#{number => N, happened => Happened}
    end.

%% What is to happen

plan() ->
    Names = shuffled(?NAMES),
    FailsOneIn = any([2, 3, 4]),
    #{maxRestarts => any([0, 1, 1, 2, 2, 3, 5]),
      maxSeconds => any([1, 1, 2, 3]),
      children => [spec(Name) || Name <- lists:sublist(Names, any([1, 2, 3, 3, 4]))],
      %% Whether the n-th start of all succeeds (+) or not (-). Mostly all of the first do.
      starts => [outcome(40) || _ <- ?NAMES] ++ [outcome(FailsOneIn) || _ <- lists:seq(1, 30)],
      batches => [{any([0, 0, 1, 1, 1, 2, 3]), messages()} || _ <- lists:seq(1, any([2, 3, 4, 5, 6]))]
                 ++ any([[], [{any([0, 1]), [#{kind => close}]}]])}.

outcome(FailsOneIn) ->
    case rand:uniform(FailsOneIn) of 1 -> $-; _ -> $+ end.

spec(Name) ->
    finite(#{name => Name,
             restart => any([permanent, permanent, transient, temporary]),
             %% ms, or one of OTP's words.
             shutdown => any([brutal_kill, 60, 60, infinity]),
             %% How it ends when it is asked to.
             stops => any([shutdown, shutdown, shutdown, shutdown_detail, normal, crash, never])}).

%% Nobody would ever end a child that heeds nothing and is waited for for ever.
finite(#{stops := never, shutdown := infinity} = Spec) -> Spec#{shutdown := 60};
finite(Spec) -> Spec.

%% What happens to one child at a time tells the most: what is said to it while it is restarted, stopped, or gone.
messages() ->
    Count = any([1, 1, 2, 3, 5]),
    case any([mixed, mixed, one, crash]) of
        mixed -> [message(any(?NAMES)) || _ <- lists:seq(1, Count)];
        one -> messages(any(?NAMES), Count);
        crash ->
            Name = any(?NAMES),
            [#{kind => exit, name => Name, reason => crash} | [call(Name) || _ <- lists:seq(1, Count)]]
    end.

messages(Name, Count) -> [message(Name) || _ <- lists:seq(1, Count)].

message(Name) ->
    case rand:uniform(7) of
        N when N =< 3 -> #{kind => exit, name => Name, reason => reason()};
        _ -> call(Name)
    end.

reason() -> any([normal, shutdown, shutdown_detail, crash, crash, killed, killed]).

call(Name) ->
    case any([start_child, start_child, terminate_child, terminate_child, delete_child, restart_child, restart_child]) of
        start_child -> #{kind => start_child, name => Name, spec => spec(Name)};
        Kind -> #{kind => Kind, name => Name}
    end.

any(List) -> lists:nth(rand:uniform(length(List)), List).

shuffled(List) -> [Item || {_, Item} <- lists:sort([{rand:uniform(), Item} || Item <- List])].

%% Making it happen

play(#{starts := Starts, batches := Batches} = Plan) ->
    process_flag(trap_exit, true),
    Table = ets:new(schedule, [public, set]),
    ets:insert(Table, [{started, 0}, {outcomes, list_to_tuple(Starts)}]),
    begin_second(second() + 1),
    First = second(),
    case supervisor:start_link(?MODULE, {self(), Table, Plan}) of
        {ok, Supervisor} ->
            Boot = happened(Supervisor, Table, #{at => 0, messages => [], answers => [ok]}),
            batches(Batches, Supervisor, Table, First, 0, [Boot]);
        {error, _} ->
            [{_, Supervisor}] = ets:lookup(Table, supervisor),
            [happened(Supervisor, Table, #{at => 0, messages => [], answers => [start_failed]})]
    end.

init({Runner, Table, #{maxRestarts := Intensity, maxSeconds := Period, children := Specs}}) ->
    ets:insert(watchers, {self(), Runner}),
    ets:insert(Table, {supervisor, self()}),
    erlang:trace(self(), true, [send, procs, {tracer, Runner}]),
    Flags = #{strategy => one_for_one, intensity => Intensity, period => Period},
    {ok, {Flags, [child(Spec, Table) || Spec <- Specs]}}.

child(#{name := Name, restart := Restart, shutdown := Shutdown, stops := Stops}, Table) ->
    #{id => Name, start => {?MODULE, start_child, [Table, {Name, Stops}]}, restart => Restart, shutdown => Shutdown}.

%% Called in the supervisor's process. What it says of itself goes to the runner, and so into the trace.
start_child(Table, {Name, Stops}) ->
    Nth = ets:update_counter(Table, started, 1),
    [{outcomes, Outcomes}] = ets:lookup(Table, outcomes),
    Supervisor = self(),
    [{Supervisor, Runner}] = ets:lookup(watchers, Supervisor),
    case element((Nth - 1) rem tuple_size(Outcomes) + 1, Outcomes) of
        $- ->
            Runner ! {did, ["fails ", atom_to_list(Name)]},
            {error, no_init};
        $+ ->
            Starter = make_ref(),
            Pid = spawn_link(fun() ->
                process_flag(trap_exit, true),
                Supervisor ! Starter,
                live(Supervisor, Stops)
            end),
            %% It traps exits from here on.
            receive Starter -> ok end,
            ets:insert(Table, [{Name, Pid}, {Pid, Name}]),
            Runner ! {did, ["starts ", atom_to_list(Name)]},
            {ok, Pid}
    end.

live(Supervisor, Stops) ->
    receive
        {die, Reason} -> exit(reason(Reason));
        {'EXIT', Supervisor, shutdown} when Stops =/= never -> exit(reason(Stops));
        {'EXIT', Supervisor, Reason} when Reason =/= shutdown -> exit(Reason);
        _ -> live(Supervisor, Stops)
    end.

reason(shutdown_detail) -> {shutdown, detail};
reason(crash) -> boom;
reason(Reason) -> Reason.

batches([], Supervisor, _, _, _, Done) ->
    gone(Supervisor),
    lists:reverse(Done);
batches([{Wait, Messages} | Rest], Supervisor, Table, First, Before, Done) ->
    At = Before + Wait,
    IsInTime = begin_second(First + At),
    Answers = if IsInTime -> hand_over(Messages, Supervisor, Table); true -> [] end,
    Batch = happened(Supervisor, Table, #{at => At, messages => Messages, answers => Answers}),
    IsLate = not IsInTime orelse second() =/= First + At orelse into_second() > ?END_MS,
    case Batch of
        _ when IsLate -> gone(Supervisor), late;
        #{ended := running} -> batches(Rest, Supervisor, Table, First, At, [Batch | Done]);
        _ -> lists:reverse([Batch | Done])
    end.

gone(Supervisor) ->
    unlink(Supervisor),
    exit(Supervisor, kill).

%% To close it is its parent's word, which a suspended process heeds at once: it comes alone.
hand_over([#{kind := close}], Supervisor, _) ->
    exit(Supervisor, shutdown),
    ended = settled(Supervisor, 1000),
    [ok];
hand_over(Messages, Supervisor, Table) ->
    ok = sys:suspend(Supervisor),
    Calls = lists:flatten([deliver(Message, Supervisor, Table) || Message <- Messages]),
    %% It may give up before it can answer.
    catch sys:resume(Supervisor),
    settled(Supervisor, 1000),
    [receive {Call, Answer} -> Answer end || Call <- Calls].

%% Returns when the message is in the supervisor's mailbox, so that they are in there in order. A child that is dead, or
%% not there, is told nothing.
deliver(#{kind := exit, name := Name, reason := Reason}, Supervisor, Table) ->
    Pid = case ets:lookup(Table, Name) of [{_, Latest}] -> Latest; [] -> undefined end,
    case is_pid(Pid) andalso is_process_alive(Pid) of
        true ->
            %% One that is dead when the supervisor comes to stop it is not stopped.
            ets:delete(Table, Pid),
            queued(Supervisor, fun() ->
                case Reason of killed -> exit(Pid, kill); _ -> Pid ! {die, Reason} end
            end);
        false -> ok
    end,
    [];
deliver(#{kind := Kind, name := Name} = Message, Supervisor, Table) ->
    Call = make_ref(),
    Runner = self(),
    queued(Supervisor, fun() ->
        spawn(fun() ->
            Answer = try
                case Kind of
                    start_child -> supervisor:start_child(Supervisor, child(maps:get(spec, Message), Table));
                    terminate_child -> supervisor:terminate_child(Supervisor, Name);
                    restart_child -> supervisor:restart_child(Supervisor, Name);
                    delete_child -> supervisor:delete_child(Supervisor, Name)
                end
            catch exit:_ -> gone
            end,
            Runner ! {Call, answer(Answer)}
        end)
    end),
    [Call].

answer(ok) -> ok;
answer({ok, _}) -> ok;
answer(gone) -> stopped;
answer({error, Reason}) when Reason =:= not_found; Reason =:= running; Reason =:= restarting -> Reason;
answer({error, already_present}) -> already_present;
answer({error, {already_started, _}}) -> already_started;
answer({error, no_init}) -> start_failed;
answer({error, {no_init, _Child}}) -> start_failed;
answer(Other) -> give_up("An answer of OTP's that is not known", Other).

queued(Supervisor, Send) ->
    {message_queue_len, Before} = process_info(Supervisor, message_queue_len),
    Send(),
    arrived(Supervisor, Before).

arrived(Supervisor, Before) ->
    case process_info(Supervisor, message_queue_len) of
        {message_queue_len, Now} when Now > Before -> ok;
        _ -> erlang:yield(), arrived(Supervisor, Before)
    end.

%% What happened

happened(Supervisor, Table, Batch) ->
    {Children, Active} = case settled(Supervisor, 1000) of
        ended -> {[], 0};
        Left -> {Left, proplists:get_value(active, supervisor:count_children(Supervisor))}
    end,
    #{answers := Answers, messages := Messages} = Batch,
    Batch#{did => did(Supervisor, Table), children => Children, active => Active,
           ended => ended(Supervisor, Answers, Messages)}.

ended(_, [start_failed], []) -> start_failed;
ended(Supervisor, _, Messages) ->
    case {is_process_alive(Supervisor), Messages} of
        {true, _} -> running;
        {false, [#{kind := close}]} -> exited(Supervisor, closed);
        {false, _} -> exited(Supervisor, restart_intensity)
    end.

%% In both cases with this reason.
exited(Supervisor, Why) ->
    receive {'EXIT', Supervisor, shutdown} -> Why after 5000 -> error(no_exit) end.

%% The children, in the order of their start, when there is nothing left to do.
settled(_, 0) -> error(never_settled);
settled(Supervisor, Looks) ->
    try lists:reverse(supervisor:which_children(Supervisor)) of
        Children ->
            IsBusy = lists:keymember(restarting, 2, Children) orelse
                process_info(Supervisor, message_queue_len) =/= {message_queue_len, 0},
            if
                IsBusy -> settled(Supervisor, Looks - 1);
                true -> [[atom_to_list(Name), state(Pid)] || {Name, Pid, _, _} <- Children]
            end
    catch exit:_ -> ended
    end.

state(Pid) when is_pid(Pid) -> " running";
state(undefined) -> " stopped".

%% A logger's handler runs in the process that logs: in the supervisor's, and so what it sends is in the trace.
log(#{msg := {report, #{label := {supervisor, _}, report := Report}}, meta := #{pid := Supervisor}}, _) ->
    case ets:lookup(watchers, Supervisor) of
        [{_, Runner}] -> Runner ! {did, report(Report)};
        [] -> ok
    end;
log(_, _) -> ok.

report(Report) ->
    Offender = proplists:get_value(offender, Report),
    io_lib:format("~s ~s (~s, ~p): ~s", [
        proplists:get_value(errorContext, Report), proplists:get_value(id, Offender),
        proplists:get_value(restart_type, Offender), proplists:get_value(shutdown, Offender),
        told(proplists:get_value(reason, Report))]).

told({shutdown, detail}) -> shutdown_detail;
told(boom) -> crash;
told(Reason) -> Reason.

%% All that the trace says of this batch.
did(Supervisor, Table) ->
    Delivered = erlang:trace_delivered(Supervisor),
    receive {trace_delivered, Supervisor, Delivered} -> traced(Supervisor, Table) end.

traced(Supervisor, Table) ->
    receive
        {trace, Supervisor, send, {did, Text}, _} -> [lists:flatten(Text) | traced(Supervisor, Table)];
        {trace, Supervisor, unlink, Pid} -> stops(ets:lookup(Table, Pid)) ++ traced(Supervisor, Table);
        {did, _} -> traced(Supervisor, Table);
        Other when element(1, Other) =:= trace -> traced(Supervisor, Table)
    after 0 -> []
    end.

%% OTP's supervisor lets go of the link to a child that it stops.
stops([]) -> [];
stops([{_, Name}]) -> [["stops ", atom_to_list(Name)]].

%% Time

second() -> erlang:monotonic_time(1).

into_second() -> floor_mod(erlang:monotonic_time(1000), 1000).

floor_mod(A, B) -> ((A rem B) + B) rem B.

%% Sleeps until a second has come, and its beginning has passed. False if it is too late for a batch.
begin_second(Wanted) ->
    Into = into_second(),
    case second() of
        Wanted when Into >= ?BEGIN_MS -> Into =< ?LAST_BEGIN_MS;
        Second when Second =< Wanted ->
            timer:sleep(floor_mod(?BEGIN_MS - Into, 1000) + 1),
            begin_second(Wanted);
        _ -> false
    end.

json(Atom) when is_atom(Atom) -> text(atom_to_list(Atom));
json(Number) when is_integer(Number) -> integer_to_list(Number);
json([]) -> "[]";
json([First | _] = Text) when is_integer(First) -> text(Text);
json([First | _] = List) when is_list(First); is_map(First); is_atom(First) ->
    ["[", lists:join(",", [json_item(Item) || Item <- List]), "]"];
json(Map) when is_map(Map) ->
    ["{", lists:join(",", [[json(Key), ":", json(Value)] || {Key, Value} <- lists:sort(maps:to_list(Map))]), "}"].

%% A list within a list is a text.
json_item(Text) when is_list(Text) -> text(Text);
json_item(Item) -> json(Item).

text(Text) -> ["\"", Text, "\""].
