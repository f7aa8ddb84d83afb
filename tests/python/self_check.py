"""The checks themselves: what they must accept and what they must find."""

import copy
import unittest

import structure
import wp

MESSAGE = (
    b"From: A <a@example.net>\r\nTo: b@example.com\r\nSubject: two\r\n parts\r\nMessage-ID: <1@example.net>\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n--b\r\n\r\nlast\r\n--b--\r\n"
)
TREE = [
    [b"text", b"plain", None, None, None, b"7bit", b"8", b"1"],
    [b"text", b"plain", None, None, None, b"7bit", b"4", b"0"],
    b"mixed", [b"boundary", b"b"], None, None, None,
]
FROM, TO = [[b"A", None, b"a", b"example.net"]], [[None, None, b"b", b"example.com"]]
ENVELOPE = [None, b"two parts", FROM, FROM, FROM, TO, None, None, None, b"<1@example.net>"]
HEADER_END = MESSAGE.index(b"\r\n\r\n") + 4
BODY = {
    b"": MESSAGE,
    b"HEADER": MESSAGE[:HEADER_END],
    b"TEXT": MESSAGE[HEADER_END:],
    b"1": b"one\r\ntwo",
    b"1.MIME": b"Content-Type: text/plain\r\n\r\n",
    b"2": b"last",
    b"2.MIME": b"\r\n",
}


class Structure(unittest.TestCase):
    def check(self, size=len(MESSAGE), envelope=ENVELOPE, tree=TREE, **changed):
        body = {**BODY, **{name.replace("_", ".").encode(): value for name, value in changed.items()}}
        structure.check(MESSAGE, size, envelope, tree, body)

    def test_the_truth_passes(self):
        self.check()

    def test_each_lie_is_found(self):
        for part, field, value in ((0, 6, b"9"), (0, 7, b"2"), (1, 6, b"3"), (1, 7, b"1")):
            tree = copy.deepcopy(TREE)
            tree[part][field] = value
            with self.assertRaises(AssertionError):
                self.check(tree=tree)
        for field, value in ((1, b"two"), (9, b"<2@example.net>"), (2, TO), (5, None)):
            envelope = copy.deepcopy(ENVELOPE)
            envelope[field] = value
            with self.assertRaises(AssertionError):
                self.check(envelope=envelope)
        for changed in (
            {"size": 1}, {"HEADER": b""}, {"TEXT": b""}, {"1_MIME": b"X: y\r\n\r\n"}, {"2": b"lost"},
        ):
            with self.assertRaises(AssertionError):
                self.check(**changed)


class Bytes(unittest.TestCase):
    def test_a_message_is_dotted(self):
        self.assertEqual(wp.dotted(b".a\r\n.\r\nb"), b"..a\r\n..\r\nb\r\n.\r\n")

    def test_line_ends(self):
        self.assertEqual(wp.crlf(b"a\nb\r\nc\rd\n"), b"a\r\nb\r\nc\rd\r\n")

    def test_trace_lines(self):
        trace = b"Return-Path: <a@b>\r\nReceived: from x\r\n\tby y\r\n"
        self.assertEqual(wp.without_trace(trace + b"Received: z\r\n\r\n"), b"Received: z\r\n\r\n")
        with self.assertRaises(AssertionError):
            wp.without_trace(b"Received: z\r\n\r\n")

    def test_responses(self):
        pieces = [b"* 1 FETCH (BODY[HEADER.FIELDS (A B)]<0> {3}\r\n", b"a)b", b' X (NIL "NIL" (\\Seen)))\r\n']
        tokens = wp.Response(pieces).tokens()
        self.assertEqual(tokens[3], [b"BODY[HEADER.FIELDS (A B)]<0>", b"a)b", b"X", [None, b"NIL", [b"\\Seen"]]])
        with self.assertRaises(AssertionError):
            wp.Response([b"* 1 FETCH (A (B)\r\n"]).tokens()


unittest.main()
