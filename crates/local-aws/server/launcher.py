"""The local AWS: MiniStack, and the parts that our workflow uses and MiniStack leaves out.

1. RedriveExecution ("Recover, Redrive from failure" in the console), with `redriveCount` in DescribeExecution's answer
   and `Execution.RedriveCount` in the context object.
2. The JSONata `Output` and `Assign` of a Distributed Map, which MiniStack passes over.
3. Mail: what a topic sends to its mail subscribers is appended to the file LOCAL_AWS_MAILBOX, one JSON object a line.
4. Requests count as sent over TLS: they never leave the machine, and a topic that refuses all others must work here.
5. EC2's times have milliseconds, as on AWS: runs follow each other within a second here, and retention goes by the age
   of a snapshot.
6. A snapshot's past: CreateSnapshot with the tag `local-aws:start-time` makes one that was started then, and with
   `local-aws:state` one in that state. The snapshot does not bear these two tags.
7. What a restore needs of EC2 and MiniStack leaves out: a CreateVolume that is sent again with its client token makes no second
   volume; a device that is taken is refused, and an instance in another zone. And what may go wrong, told by a tag of the
   volume: with `local-aws:lose-answer` EC2 makes it and the first answer is lost, with `local-aws:refuse-attach` it cannot
   be attached.
8. A deployment ends the running functions of its own account and region only, not those of the same name elsewhere.
9. The history of a region's execution names the tasks that it enters.
10. The server ends, with the functions it started, as soon as its standard input is closed: whoever started it holds the
   other end of that pipe, so nothing is left running even when the starter is killed, and no file of LOCAL_AWS_HOME is
   left behind. Without `--leash` it stays.

Run it with MiniStack's own settings in the environment (GATEWAY_PORT, BIND_HOST, AUTH, AWS_ENDPOINT_URL, ...).
"""

import contextvars
import copy
import json
import os
import re
import shutil
import signal
import sys
import threading
from datetime import datetime, timezone

from ministack import app
from ministack.core import lambda_runtime
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, now_iso
from ministack.services import ec2, lambda_svc, sns
from ministack.services import stepfunctions as sfn

REDRIVABLE = ("FAILED", "TIMED_OUT", "ABORTED")
ENDINGS = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
# Answers to CreateVolume, by account, region and client token.
made_by_token = {}
PAST = {"local-aws:start-time": "StartTime", "local-aws:state": "State"}


def history_to_the_end(execution):
    """The history up to the event that ended the execution. MiniStack lets the state of a stopped execution run to its
    end, and records that behind it."""
    events = execution["events"]
    ends = [index for index, event in enumerate(events) if event["type"] in ENDINGS]
    return events[: ends[-1] + 1] if ends else events


def last_entered(events):
    """The last state that was entered, when it was not left: (name, input). Map children have histories of their own,
    so this is always a state of the top level."""
    for event in reversed(events):
        if event["type"].endswith("StateExited"):
            return None
        if event["type"].endswith("StateEntered"):
            details = event["stateEnteredEventDetails"]
            return details["name"], json.loads(details["input"])
    return None


def resume(execution, definition, name, data):
    """Runs the execution from the state `name` on. The workflow's variables start empty: whether AWS keeps them over a
    redrive is not documented, so a workflow that runs here does not depend on them."""
    machine = sfn._state_machines[execution["stateMachineArn"]]
    ctx = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "StartTime": execution["startDate"],
            "RedriveCount": execution["redriveCount"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }
    plain = {"Pass": sfn._execute_pass, "Choice": sfn._execute_choice, "Wait": sfn._execute_wait}
    working = {"Task": sfn._execute_task, "Parallel": sfn._execute_parallel, "Map": sfn._execute_map}

    def record(kind, happened, key, value):
        details = {"name": name, key: json.dumps(value)}
        sfn._add_event(execution, f"{kind}State{happened}", {f"state{happened}EventDetails": details})

    try:
        # The status changes under us when somebody stops the execution.
        while name and execution["status"] == "RUNNING":
            state = definition["States"][name]
            kind, following = state["Type"], None
            ctx["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
            record(kind, "Entered", "input", data)
            if kind == "Fail":
                raise sfn._ExecutionError(*sfn._fail_state_error(state, data, ctx))
            if kind in working:
                data, following = working[kind](state, data, execution, ctx)
            elif kind in plain:
                data, following = plain[kind](state, data, ctx)
            record(kind, "Exited", "output", data)
            name = following
        if execution["status"] == "RUNNING":
            execution.update(status="SUCCEEDED", output=json.dumps(data), stopDate=now_iso())
            sfn._add_event(execution, "ExecutionSucceeded", {
                "executionSucceededEventDetails": {"output": execution["output"]}})
            sfn._emit_execution_status_event(execution)
    except sfn._ExecutionError as failure:
        sfn._fail_execution(execution, failure.error, failure.cause)
    except Exception as failure:  # as MiniStack does: the execution ends red, the server goes on
        sfn._fail_execution(execution, "States.Runtime", repr(failure))


def redrive(request):
    arn = request.get("executionArn", "")
    execution = sfn._executions.get(arn)
    if execution is None:
        return error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
    events = history_to_the_end(execution)
    failed_at = last_entered(events) if execution["status"] in REDRIVABLE else None
    if failed_at is None or execution.get("mapRunArn"):
        reason = f"Execution is {execution['status']} and cannot be redriven"
        return error_response_json("ExecutionNotRedrivable", reason, 400)

    definition = json.loads(sfn._state_machines[execution["stateMachineArn"]]["definition"])
    # A record of its own: a state that outlived a stop still holds the old one, finds it ended, and goes no further.
    execution = sfn._executions[arn] = {**copy.deepcopy(execution), "events": copy.deepcopy(events)}
    for key in ("error", "cause"):
        execution.pop(key, None)
    count = execution.get("redriveCount", 0) + 1
    execution.update(status="RUNNING", output=None, stopDate=None, redriveCount=count, redriveDate=now_iso())
    sfn._add_event(execution, "ExecutionRedriven", {"executionRedrivenEventDetails": {"redriveCount": count}})
    sfn._emit_execution_status_event(execution)
    # MiniStack keeps account and region in context variables, which a new thread does not inherit.
    work = (resume, execution, definition, *failed_at)
    threading.Thread(target=contextvars.copy_context().run, args=work, daemon=True).start()
    return json_response({"redriveDate": execution["redriveDate"]})


def describe(request, original=sfn._describe_execution):
    status, headers, body = original(request)
    execution = sfn._executions.get(request.get("executionArn"))
    if execution is None:
        return status, headers, body
    answer = json.loads(body)
    answer["redriveCount"] = execution.get("redriveCount", 0)
    answer["redriveStatus"] = "REDRIVABLE" if execution["status"] in REDRIVABLE else "NOT_REDRIVABLE"
    if "redriveDate" in execution:
        answer["redriveDate"] = execution["redriveDate"]
    return json_response(answer, status)


async def handle(method, path, headers, body, query, original=sfn.handle_request):
    if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
        return sfn._finalize_response(redrive(json.loads(body or "{}")))
    return await original(method, path, headers, body, query)


def task(state, data, execution, ctx, original=sfn._execute_task):
    """Every task finds the redrive count in the context object, 0 before the first redrive, as on AWS. MiniStack records
    the states that are entered in no history but the parent's."""
    ctx["Execution"].setdefault("RedriveCount", 0)
    if "mapRunArn" in execution:
        sfn._add_event(execution, "TaskStateEntered", {"stateEnteredEventDetails": {"name": ctx["State"]["Name"]}})
    return original(state, data, execution, ctx)


def distributed_map(state, data, effective, iterator, execution, ctx, original=sfn._run_distributed_map):
    results, following = original(state, data, effective, iterator, execution, ctx)
    output = sfn._apply_jsonata_output(state, data, ctx, result=results, default=results)
    sfn._apply_state_assign(state, data, ctx, result=results)
    return output, following


def fan_out(topic_arn, message_id, message, subject, structure="", *rest, original=sns._fanout, **more):
    original(topic_arn, message_id, message, subject, structure, *rest, **more)
    topic = sns._topic_by_arn_any_scope(topic_arn)
    mails = [
        {"topic": topic_arn, "to": subscription["endpoint"], "subject": subject,
         "text": sns._resolve_message_for_protocol(message, structure, "email")}
        for subscription in (topic or {}).get("subscriptions", [])
        if subscription["protocol"] == "email" and subscription.get("confirmed")
    ]
    # One write: a reader never sees half a mail.
    with open(os.environ["LOCAL_AWS_MAILBOX"], "a", encoding="utf-8") as mailbox:
        mailbox.write("".join(json.dumps(mail) + "\n" for mail in mails))


def pin_request_origin(source, _secure, original=app.pin_request_origin):
    original(source, True)


def now_in_milliseconds():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def create_snapshot(request, original=ec2._create_snapshot):
    status, headers, body = original(request)
    made = re.search("<snapshotId>(snap-[0-9a-f]+)<", body if isinstance(body, str) else body.decode())
    if status == 200 and made:
        snapshot, tags = made.group(1), ec2._tags.get(made.group(1), [])
        ec2._snapshots[snapshot].update({PAST[tag["Key"]]: tag["Value"] for tag in tags if tag["Key"] in PAST})
        ec2._tags[snapshot] = [tag for tag in tags if tag["Key"] not in PAST]
    return status, headers, body


def create_volume(request, original=ec2._create_volume):
    token = (get_account_id(), get_region(), ec2._p(request, "ClientToken"))
    if token in made_by_token:
        return made_by_token[token]
    answer = original(request)
    made = re.search("<volumeId>(vol-[0-9a-f]+)<", answer[2] if isinstance(answer[2], str) else answer[2].decode())
    if answer[0] == 200 and made and token[2]:
        made_by_token[token] = answer
        if bears(made.group(1), "local-aws:lose-answer"):
            return ec2._error("InternalError", "An internal error has occurred", 500)
    return answer


def attach_volume(request, original=ec2._attach_volume):
    volume = ec2._volumes.get(ec2._p(request, "VolumeId"))
    instance = ec2._instances.get(ec2._p(request, "InstanceId"))
    if volume and instance:
        device, name = ec2._p(request, "Device"), volume["VolumeId"]
        taken = [(at["InstanceId"], at["Device"]) for other in ec2._volumes.values() for at in other["Attachments"]]
        zone = instance.get("Placement", {}).get("AvailabilityZone") or instance.get("AvailabilityZone")
        if bears(name, "local-aws:refuse-attach"):
            return ec2._error("AttachmentLimitExceeded", "The attachment limit of the instance is reached", 400)
        if volume["Attachments"]:
            return ec2._error("VolumeInUse", f"{name} is already attached to an instance", 400)
        if (instance["InstanceId"], device) in taken:
            return ec2._error("InvalidParameterValue", f"Invalid value '{device}' for unixDevice. It is in use", 400)
        if zone and zone != volume["AvailabilityZone"]:
            return ec2._error("InvalidVolume.ZoneMismatch", f"{name} is not in the zone of the instance", 400)
    return original(request)


def bears(resource, key):
    return any(tag["Key"] == key for tag in ec2._tags.get(resource, []))


def invalidate_worker(name, qualifier=None, account=None, region=None, original=lambda_runtime.invalidate_worker):
    original(name, qualifier, account or get_account_id(), region or get_region())


def end_when_released():
    """Blocks until the other end of our standard input is closed, then ends the functions and collects them, so that
    no dead process stays behind, and at last the whole process group. The starter puts us into a group of our own."""
    sys.stdin.buffer.read()
    try:
        workers = [worker for pool in list(lambda_runtime._workers.values()) for worker in pool]
        processes = [worker._proc for worker in workers if worker._proc]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(timeout=1)
    finally:
        if "LOCAL_AWS_HOME" in os.environ:
            shutil.rmtree(os.environ["LOCAL_AWS_HOME"], ignore_errors=True)
        os.killpg(os.getpgrp(), signal.SIGKILL)


app.pin_request_origin = pin_request_origin
ec2._now_ts = now_in_milliseconds
ec2._ACTION_MAP["CreateSnapshot"] = create_snapshot
ec2._ACTION_MAP["CreateVolume"] = create_volume
ec2._ACTION_MAP["AttachVolume"] = attach_volume
lambda_svc.invalidate_worker = invalidate_worker
sfn.handle_request = handle
sfn._describe_execution = describe
sfn._execute_task = task
sfn._run_distributed_map = distributed_map
if "LOCAL_AWS_MAILBOX" in os.environ:
    sns._fanout = fan_out

if __name__ == "__main__":
    if "--leash" in sys.argv:
        sys.argv.remove("--leash")
        threading.Thread(target=end_when_released, daemon=True).start()
    app.main()
