import Bencode
import Testing

@Suite struct BencodeEncodingTests {
  static let cases: [(Bencode, String)] = [
    (.integer(0), "i0e"),
    (.integer(-7), "i-7e"),
    (.integer(.min), "i-9223372036854775808e"),
    ("", "0:"),
    ("spam", "4:spam"),
    (.text("ü"), "2:ü"),
    ([], "le"),
    (["a", 1, []], "l1:ai1elee"),
    ([:], "de"),
    (["b": 1, "a": 2, "": 3, "aa": 4], "d0:i3e1:ai2e2:aai4e1:bi1ee"),
    (["x": .raw([UInt8]("d1:ai1ee".utf8))], "d1:xd1:ai1eee"),
  ]

  @Test(arguments: cases)
  func `the encoding is canonical`(value: Bencode, text: String) {
    #expect(String(decoding: value.encoded(), as: UTF8.self) == text)
  }

  @Test func `keys are sorted by their bytes, not as text`() {
    let value = Bencode.dictionary([[0xff]: 1, [0x7f]: 2, [0x80]: 3])
    let expected = [UInt8]("d1:".utf8) + [0x7f] + [UInt8]("i2e1:".utf8) + [0x80] + [UInt8]("i3e1:".utf8)
    #expect(value.encoded() == expected + [0xff] + [UInt8]("i1ee".utf8))
  }

  @Test func `what is decoded encodes to the same bytes`() throws {
    let text = "d4:listl4:spami-3el1:xee3:mapd0:2:hie3:str0:e"
    let value = Bencode(try BencodeDocument([UInt8](text.utf8)).root)
    #expect(String(decoding: value.encoded(), as: UTF8.self) == text)
    #expect(value["map"] == ["": "hi"])
  }

  @Test func `an entry can be set and taken out`() {
    var value: Bencode = ["a": 1]
    value["b"] = "two"
    #expect(value == ["a": 1, "b": "two"])
    value["a"] = nil
    #expect(value == ["b": "two"])
  }
}
