"""The start of a Python function on Lambda, as a peer for the benchmark of cold starts.

It does what stands between the process and its first invocation: import boto3, make an EC2 client, and ask the runtime
API for the first event. It ends when that is answered, whatever the answer is.
"""

import http.client
import os

import boto3


def main() -> None:
    # Held until the end, as the global client of a function is.
    client = boto3.client("ec2", region_name=os.environ["AWS_REGION"])
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    runtime.request("GET", "/2018-06-01/runtime/invocation/next")
    runtime.getresponse()
    client.close()


if __name__ == "__main__":
    main()
