"""A handler of callback mode: it beats while it works, then reports."""

import json
import threading

import boto3

states = boto3.client("stepfunctions")
sqs = boto3.client("sqs")


class Task:
    """One message and the token that its end is reported with."""

    def __init__(self, event):
        self.record = event["Records"][0]
        self.token = event["taskToken"]
        self.seconds = event["heartbeatSeconds"]
        self.queue_url = event["queueUrl"]
        # Set when the task is over or no longer this one's: stop working then.
        self.over = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self):
        while not self.over.wait(self.seconds / 3):
            try:
                states.send_task_heartbeat(taskToken=self.token)
            except (states.exceptions.TaskTimedOut, states.exceptions.TaskDoesNotExist, states.exceptions.InvalidToken):
                self.over.set()
                return
            except Exception as e:  # passing: the next beat tries again
                print("heartbeat failed:", e)
                continue
            try:
                sqs.change_message_visibility(
                    QueueUrl=self.queue_url, ReceiptHandle=self.record["receiptHandle"], VisibilityTimeout=self.seconds + 45
                )
            except Exception as e:  # the autoscaler's tick extends it too
                print("the message was not extended:", e)

    def succeed(self):
        self.over.set()
        states.send_task_success(taskToken=self.token, output="{}")

    def fail(self, message, retry_after=None):
        self.over.set()
        cause = {"errorMessage": message}
        if retry_after is not None:
            cause["retryAfterSeconds"] = retry_after
        states.send_task_failure(taskToken=self.token, error="Encoder", cause=json.dumps(cause))


def encode(order, task):
    """The long work. It looks now and then whether it is still wanted."""
    for second in range(order.get("seconds", 0)):
        if task.over.wait(1):
            return False
    return True


def handler(event, context):
    task = Task(event)
    order = json.loads(task.record["body"])
    attempt = int(task.record["attributes"]["ApproximateReceiveCount"])
    if order.get("stock") == "later" and attempt == 1:
        task.fail("out of stock for now", retry_after=2)
    elif encode(order, task):
        task.succeed()
