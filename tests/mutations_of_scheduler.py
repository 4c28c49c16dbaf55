"""What can go wrong with the workers of a scheduler: what is lost, what hangs, what differs. See `mutations`."""

from mutation import Mutation

BOARD, EDGE, ADDRESS = (
    "core/test_hand_out.py::test_",
    "edges/test_scheduler.py::test_",
    "edges/test_scheduler_address.py::test_",
)
ADVICE = "end_to_end/test_advice_scheduler.py::test_"

MUTATIONS = (
    Mutation(
        "a lost task is forgotten",
        "core/hand_out.py",
        "        self._again.append(out.task)\n        return None\n",
        "        return None\n",
        "A part whose worker was killed is never done.",
        (BOARD + "a_lost_task_is_handed_out_again_and_at_last_given_up",),
    ),
    Mutation(
        "workers that are lost all the time end the command",
        "core/hand_out.py",
        "                self.in_a_row = self.in_a_row + 1 if answers == self.answers else 1\n",
        "                self.in_a_row = self.in_a_row + 1\n",
        "A large export on spot machines is never complete.",
        (BOARD + "workers_that_are_lost_all_the_time_are_no_reason_to_give_up",),
    ),
    Mutation(
        "a worker that hangs is asked again",
        "core/hand_out.py",
        "        self._avoid.update(self._out[ticket].worker for ticket in found)\n",
        "",
        "What waits behind a part that hangs waits as long.",
        (BOARD + "a_task_that_hangs_is_done_elsewhere",),
    ),
    Mutation(
        "a task waits for workers that are gone",
        "edges/scheduler/dask_client.py",
        "                self._take_back_stranded(board, running)\n",
        "",
        "After a worker has hung and the others were lost, the command never ends.",
        (EDGE + "what_only_lost_workers_may_do_is_done_by_new_ones",),
    ),
    Mutation(
        "plain TCP to another machine",
        "edges/scheduler/address.py",
        '    if not all(ipaddress.ip_address(number.partition("%")[0]).is_loopback for number in found):\n',
        "    if not found:\n",
        "Every machine in the network can run code on the workers and here.",
        (ADDRESS + "another_machine_without_tls_is_refused",),
    ),
    Mutation(
        "a worker of another version answers",
        "edges/scheduler/run_task.py",
        "    if here.differences(Installed(expected)):\n",
        "    if False:\n",
        "Its answers may differ.",
        (EDGE + "a_worker_that_joins_later_with_another_source_ends_the_command",),
    ),
    Mutation(
        "local workers know the key",
        "edges/scheduler/local_cluster.py",
        "if name not in _SECRETS}",
        "}",
        "The key is in the environment of processes that do not need it.",
        (EDGE + "a_local_cluster_knows_no_secret_and_ends_with_its_parent",),
    ),
    Mutation(
        "an error of a library leaves the worker",
        "edges/scheduler/run_task.py",
        "        return TaskFailed(type(error).__name__, place=_where(error))\n",
        "        raise\n",
        "Dask writes a text that may quote a record into the worker's log.",
        (EDGE + "an_error_of_others_quotes_nothing",),
    ),
    Mutation(
        "answers that are there are made again",
        "flow/parts/spread_parts.py",
        "    if found.missing:\n",
        "    if True:\n",
        "After a loss everything begins again, and plan needs workers for what validate has made.",
        (ADVICE + "plan_takes_up_what_validate_has_had_made",),
    ),
)
