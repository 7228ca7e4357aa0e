import Bencode
import Bytes
import Testing

@Suite struct BencodeDecodingTests {
  @Test(arguments: [
    ("i0e", 0), ("i-1e", -1), ("i42e", 42), ("i9223372036854775807e", Int64.max),
    ("i-9223372036854775808e", Int64.min),
  ])
  func `integers have 64 bits`(text: String, value: Int64) throws {
    let document = try BencodeDocument([UInt8](text.utf8))
    #expect(document.root.integer == value)
    #expect(document.root.string == nil)
  }

  @Test func `strings, lists and dictionaries nest`() throws {
    let text = "d4:listl4:spami3el1:xee3:mapd0:2:hie3:str0:e"
    let document = try BencodeDocument([UInt8](text.utf8))
    let list = try #require(document.root["list"]?.list)
    #expect(list.count == 3)
    #expect(list[0].text == "spam")
    #expect(list[1].integer == 3)
    #expect(list[2].list?.first?.text == "x")
    #expect(document.root["map"]?[""]?.text == "hi")
    #expect(document.root["str"]?.string == [])
    #expect(document.root["nothing"] == nil)
    #expect(document.root.entries?.map { String(decoding: $0.key, as: UTF8.self) } == ["list", "map", "str"])
  }

  @Test func `a value knows its exact bytes`() throws {
    let document = try BencodeDocument([UInt8]("d1:ai1e4:infod3:keyl1:xee1:zi2ee".utf8))
    let info = try #require(document.root["info"])
    #expect(info.bytes == [UInt8]("d3:keyl1:xee".utf8))
    #expect(info.range == 13..<25)
    #expect(info.offset == 13)
  }

  @Test func `text is only what is valid UTF-8`() throws {
    let document = try BencodeDocument([UInt8]("2:".utf8) + [0xc3, 0x28])
    #expect(document.root.text == nil)
    #expect(document.root.string == [0xc3, 0x28])
    #expect(document.root.withString { $0.byteCount } == 2)
  }

  @Test(arguments: [
    ("", BencodeError.truncated(at: 0)),
    ("i", .truncated(at: 1)),
    ("i12", .truncated(at: 3)),
    ("i-", .truncated(at: 2)),
    ("4", .truncated(at: 1)),
    ("4:", .truncated(at: 2)),
    ("4:abc", .truncated(at: 5)),
    ("l", .truncated(at: 1)),
    ("li1e", .truncated(at: 4)),
    ("d1:a", .truncated(at: 4)),
    ("ie", .unexpectedByte(0x65, at: 1)),
    ("i-e", .unexpectedByte(0x65, at: 2)),
    ("i 1e", .unexpectedByte(0x20, at: 1)),
    ("i1x", .unexpectedByte(0x78, at: 2)),
    ("i+1e", .unexpectedByte(0x2b, at: 1)),
    ("x", .unexpectedByte(0x78, at: 0)),
    ("e", .unexpectedByte(0x65, at: 0)),
    ("-1:a", .unexpectedByte(0x2d, at: 0)),
    ("1x:a", .unexpectedByte(0x78, at: 1)),
    ("i03e", .leadingZero(at: 0)),
    ("i00e", .leadingZero(at: 0)),
    ("i-03e", .leadingZero(at: 0)),
    ("l01:ae", .leadingZero(at: 1)),
    ("00:", .leadingZero(at: 0)),
    ("i-0e", .negativeZero(at: 0)),
    ("i9223372036854775808e", .overflow(at: 0)),
    ("i-9223372036854775809e", .overflow(at: 0)),
    ("i99999999999999999999999e", .overflow(at: 0)),
    ("l99999999999:ae", .overflow(at: 1)),
    ("99999999999999999999999999:a", .overflow(at: 0)),
    ("di1ei2ee", .keyIsNotString(at: 1)),
    ("d1:ae", .missingValue(at: 4)),
    ("d1:bi1e1:ai2ee", .unsortedKey(at: 7)),
    ("d1:ai1e1:ai2ee", .duplicateKey(at: 7)),
    ("d2:aai1e1:ai2ee", .unsortedKey(at: 8)),
    ("i1ei2e", .trailingBytes(at: 3)),
    ("3:abc ", .trailingBytes(at: 5)),
  ])
  func `a fault is found and says where`(text: String, error: BencodeError) {
    #expect(throws: error) { try BencodeDocument([UInt8](text.utf8)) }
    #expect(error.description.hasSuffix("(at byte \(error.offset))"))
  }

  @Test func `every beginning of a value is truncated`() throws {
    let whole = [UInt8]("d4:listli-12e3:abcd0:leee1:zd1:ai0eee".utf8)
    _ = try BencodeDocument(whole)
    for length in 0..<whole.count {
      #expect(throws: BencodeError.truncated(at: length)) {
        try BencodeDocument([UInt8](whole[..<length]))
      }
    }
  }

  @Test func `the lenient mode takes keys in any order but not twice`() throws {
    let unsorted = try BencodeDocument([UInt8]("d1:bi1e1:ai2e1:ci3ee".utf8), options: .lenient)
    #expect(unsorted.root["a"]?.integer == 2)
    #expect(unsorted.root["c"]?.integer == 3)
    #expect(throws: BencodeError.duplicateKey(at: 13)) {
      try BencodeDocument([UInt8]("d1:bi1e1:ai2e1:bi3ee".utf8), options: .lenient)
    }
  }

  @Test func `depth is limited`() throws {
    let fine =
      [UInt8](repeating: UInt8(ascii: "l"), count: 64) + [UInt8](repeating: UInt8(ascii: "e"), count: 64)
    _ = try BencodeDocument(fine)
    let deep = [UInt8](repeating: UInt8(ascii: "l"), count: 65)
    #expect(throws: BencodeError.tooDeep(limit: 64, at: 64)) { try BencodeDocument(deep) }
    let abyss = [UInt8](repeating: UInt8(ascii: "l"), count: 1_000_000)
    #expect(throws: BencodeError.tooDeep(limit: 64, at: 64)) { try BencodeDocument(abyss) }
  }

  @Test func `the number of values is limited`() {
    let many = [UInt8]("l".utf8) + (0..<100).flatMap { _ in [UInt8]("i0e".utf8) } + [UInt8]("e".utf8)
    #expect(throws: BencodeError.tooManyItems(limit: 50, at: 148)) {
      try BencodeDocument(many, options: BencodeOptions(maximumItems: 50))
    }
  }

  @Test func `a message may carry bytes after its dictionary`() throws {
    let bytes = [UInt8]("d8:msg_typei1e5:piecei0eeDATA".utf8)
    let document = try BencodeDocument(prefixOf: bytes.rawBytes)
    #expect(document.root["msg_type"]?.integer == 1)
    #expect(document.root.range == 0..<25)
    #expect(try Bencode.validate(bytes.rawBytes, options: .message) == 25)
    #expect(throws: BencodeError.trailingBytes(at: 25)) { try Bencode.validate(bytes.rawBytes) }
  }
}
