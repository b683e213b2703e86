"""No job keeps the loop from the others."""

import unittest

from test_tasks import WithServer, sequence, value


class Fairness(WithServer):
    def test_one_that_reads_much(self):
        """Each of its tasks goes through 200 kB, twice; all of them together would take minutes."""
        big = {"op": "value", "name": "big", "value": [0] * 100_000}
        spec = sequence(big, {"op": "map", "items": [0] * 50_000, "body": value("${big[-1]}")})
        id = self.server.submit(spec)["id"]
        self.assertEqual(self.server.run(value(1))["result"], 1)
        self.assertFalse(self.server.task(id)["done"])
        self.assertEqual(self.server.cancel(id).status, 202)  # which comes behind all that its turn began with


if __name__ == "__main__":
    unittest.main()
