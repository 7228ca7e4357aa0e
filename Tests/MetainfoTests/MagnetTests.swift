import Bytes
import Digest
import Metainfo
import TestSupport
import Testing

@Suite struct MagnetTests {
  static let v1 = "c12fe1c06bba254a9dc9f519b335aa7c1367a88a"
  static let base32 = "YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK"
  static let v2 = "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"

  @Test func `a link with everything is read`() throws {
    let magnet = try Magnet(
      "magnet:?xt=urn:btih:\(Self.v1)&xt=urn:btmh:1220\(Self.v2)&dn=A+name%20%C3%BC%26"
        + "&tr=http%3A%2F%2Ftracker.example%2Fannounce%3Fa%3Db&tr.1=udp://t.example:80&ws=http://s/a+b"
        + "&x.pe=192.0.2.1:6881&x.pe=%5B2001:db8::1%5D:1&x.pe=host.example:7&so=0,2,4-6,5-8&unknown=1&flag")
    #expect(magnet.infoHashV1?.description == Self.v1)
    #expect(magnet.infoHashV2?.description == Self.v2)
    #expect(magnet.infoHash?.description == Self.v1)
    #expect(magnet.displayName == "A name ü&")
    #expect(magnet.trackers == ["http://tracker.example/announce?a=b", "udp://t.example:80"])
    #expect(magnet.webSeeds == ["http://s/a+b"])
    #expect(magnet.peers == ["192.0.2.1:6881", "[2001:db8::1]:1", "host.example:7"])
    #expect(magnet.selection == [0...0, 2...2, 4...8])
    #expect(try Magnet(magnet.description) == magnet)
  }

  @Test(arguments: [v1, v1.uppercased(), base32, base32.lowercased()])
  func `a v1 hash is hexadecimal or base32`(digits: String) throws {
    let magnet = try Magnet("magnet:?xt=urn:btih:\(digits)")
    #expect(magnet.infoHashV1?.description == Self.v1)
    #expect(magnet.infoHashV2 == nil)
    #expect(magnet.description == "magnet:?xt=urn:btih:\(Self.v1)")
  }

  @Test func `a v2 hash is a multihash`() throws {
    let magnet = try Magnet("MAGNET:?xt.1=URN:BTMH:1220\(Self.v2.uppercased())")
    #expect(magnet.infoHashV2?.description == Self.v2)
    #expect(magnet.infoHash == magnet.infoHashV2?.truncated)
    #expect(magnet.description == "magnet:?xt=urn:btmh:1220\(Self.v2)")
  }

  @Test func `what is printed is escaped`() {
    let magnet = Magnet(
      infoHashV1: SHA1Digest(hexadecimal: Self.v1), displayName: "a&b=c d+é",
      trackers: ["http://t/?x=1&y=2"], peers: ["[::1]:5"], selection: [1...1, 3...5])
    #expect(
      magnet.description
        == "magnet:?xt=urn:btih:\(Self.v1)&dn=a%26b%3Dc%20d%2B%C3%A9&tr=http%3A%2F%2Ft%2F%3Fx%3D1%26y%3D2"
        + "&x.pe=[::1]:5&so=1,3-5")
  }

  static let faults: [(String, MagnetError)] = [
    ("", .notAMagnet),
    ("http://example.com/", .notAMagnet),
    ("magnet:", .notAMagnet),
    ("magnet:?", .noInfoHash),
    ("magnet:?dn=x", .noInfoHash),
    ("magnet:?xt=urn:sha1:\(base32)", .noInfoHash),
    ("magnet:?xt=urn:btih:", .invalidInfoHash("urn:btih:")),
    ("magnet:?xt=urn:btih:12", .invalidInfoHash("urn:btih:12")),
    ("magnet:?xt=urn:btih:\(v1)0", .invalidInfoHash("urn:btih:\(v1)0")),
    ("magnet:?xt=urn:btih:\(v1.dropLast())x", .invalidInfoHash("urn:btih:\(v1.dropLast())x")),
    ("magnet:?xt=urn:btih:\(base32.dropLast())1", .invalidInfoHash("urn:btih:\(base32.dropLast())1")),
    ("magnet:?xt=urn:btmh:\(v2)", .invalidInfoHash("urn:btmh:\(v2)")),
    ("magnet:?xt=urn:btmh:1220\(v1)", .invalidInfoHash("urn:btmh:1220\(v1)")),
    ("magnet:?xt=urn:btmh:1114\(v1)", .invalidInfoHash("urn:btmh:1114\(v1)")),
    (
      "magnet:?xt=urn:btih:\(v1)&xt=urn:btih:0000000000000000000000000000000000000000",
      .conflictingInfoHashes
    ),
    ("magnet:?xt=urn:btih:\(v1)&dn=%4", .invalidEscape("%4")),
    ("magnet:?xt=urn:btih:\(v1)&dn=%zz", .invalidEscape("%zz")),
    ("magnet:?xt=urn:btih:\(v1)&dn=%C3", .invalidEscape("%C3")),
    ("magnet:?xt=urn:btih:\(v1)&x.pe=host", .invalidPeer("host")),
    ("magnet:?xt=urn:btih:\(v1)&x.pe=1.2.3.4:0", .invalidPeer("1.2.3.4:0")),
    ("magnet:?xt=urn:btih:\(v1)&x.pe=1.2.3.4:65536", .invalidPeer("1.2.3.4:65536")),
    ("magnet:?xt=urn:btih:\(v1)&x.pe=a%20b:5", .invalidPeer("a b:5")),
    ("magnet:?xt=urn:btih:\(v1)&so=", .invalidSelection("")),
    ("magnet:?xt=urn:btih:\(v1)&so=1,", .invalidSelection("1,")),
    ("magnet:?xt=urn:btih:\(v1)&so=5-2", .invalidSelection("5-2")),
    ("magnet:?xt=urn:btih:\(v1)&so=1-2-3", .invalidSelection("1-2-3")),
    ("magnet:?xt=urn:btih:\(v1)&so=-1", .invalidSelection("-1")),
    ("magnet:?xt=urn:btih:\(v1)&so=99999999999999999999", .invalidSelection("99999999999999999999")),
    (
      "magnet:?xt=urn:btih:\(v1)" + String(repeating: "&tr=http://t/", count: 501),
      .tooMany(parameter: "tr", limit: 500)
    ),
    (
      "magnet:?xt=urn:btih:\(v1)&so=" + String(repeating: "1,", count: 600) + "1",
      .tooMany(parameter: "so", limit: 500)
    ),
    ("magnet:?xt=urn:btih:\(v1)&dn=" + String(repeating: "x", count: 70000), .tooLong(limit: 65536)),
  ]

  @Test(arguments: faults)
  func `each fault has its error`(text: String, error: MagnetError) {
    #expect(throws: error) { try Magnet(text) }
    #expect(!error.description.isEmpty)
  }

  /// The links of BEP 46.
  @Test(arguments: ["", "6e"]) func `a link may name a publisher`(salt: String) throws {
    let key = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"
    let text = "magnet:?xs=urn:btpk:\(key)" + (salt.isEmpty ? "" : "&s=\(salt)")
    let magnet = try Magnet(text)
    #expect(magnet.publicKey == [UInt8](hexadecimal: key))
    #expect(magnet.salt == [UInt8](hexadecimal: salt))
    #expect(magnet.infoHash == nil)
    #expect(magnet.description == text)
    #expect(try Magnet(magnet.description) == magnet)
    for wrong in ["magnet:?xs=urn:btpk:12", text + "&s=5", "magnet:?xs=http://a/"] {
      #expect(throws: MagnetError.self) { try Magnet(wrong) }
    }
  }

  @Test func `a torrent has a link`() throws {
    let folder = try ContentFolder(name: "a b", files: [TestFile("x", 5)])
    let metainfo = try folder.torrent(.hybrid) {
      $0.trackers = [["http://a/"], ["http://b/"]]
      $0.webSeeds = ["http://s/"]
    }
    let magnet = try Magnet(Magnet(metainfo).description)
    #expect(magnet.infoHashV1 == metainfo.info.infoHashV1)
    #expect(magnet.infoHashV2 == metainfo.info.infoHashV2)
    #expect(magnet.displayName == "a b")
    #expect(magnet.trackers == ["http://a/", "http://b/"])
    #expect(magnet.webSeeds == ["http://s/"])
  }
}
