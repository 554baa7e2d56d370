"""The script of `one_by_one.py` with a thread for each region: the first thing one does when it has become too slow.

Within a region nothing changes. Arguments, environment and result are those of `one_by_one.py`.
"""

from concurrent.futures import ThreadPoolExecutor

from one_by_one import Tally, back_up_region, ec2_client, list_regions, parse_keep_days


def main() -> None:
    keep_days = parse_keep_days(__doc__)
    total = Tally()
    # boto3's clients may be used by any thread, but are to be made by one; together they load EC2's API model once.
    clients = [ec2_client(region) for region in list_regions(total)]
    with ThreadPoolExecutor(max_workers=max(1, len(clients))) as pool:
        for tally in pool.map(lambda client: back_up_region(client, keep_days), clients):
            total.add(tally)
    print(total.to_json())


if __name__ == "__main__":
    main()
