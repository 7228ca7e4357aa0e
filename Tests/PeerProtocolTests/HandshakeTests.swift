import Bytes
import Digest
import PeerProtocol
import Testing

@Suite struct HandshakeTests {
  static let handshake = Handshake(
    reserved: [.extensionProtocol, .fast, .dht],
    infoHash: infoHash([UInt8](repeating: 0xaa, count: 20)),
    peerID: PeerProtocolTests.peerID(Array("-LT2080-abcdefghijkl".utf8)))

  @Test func bytesAreThoseOfTheBEPs() {
    var bytes: [UInt8] = []
    Self.handshake.append(to: &bytes)
    #expect(bytes.count == Handshake.byteCount)
    #expect(
      bytes.hexadecimal == "13426974546f7272656e742070726f746f636f6c" + "0000000000100005"
        + String(repeating: "aa", count: 20) + Array("-LT2080-abcdefghijkl".utf8).hexadecimal)
  }

  @Test func roundTripKeepsUnknownBits() throws {
    var odd = Self.handshake
    odd.reserved = ReservedBits(rawValue: 0x8000_0000_0010_0015)
    var bytes: [UInt8] = []
    odd.append(to: &bytes)
    let decoded = try decodeHandshake(bytes + [1, 2, 3])
    #expect(decoded == odd)
    #expect(decoded.reserved.isSuperset(of: [.v2, .fast, .dht, .extensionProtocol]))
  }

  @Test(arguments: 0..<Handshake.byteCount)
  func truncatedIsShort(count: Int) {
    var bytes: [UInt8] = []
    Self.handshake.append(to: &bytes)
    let part = Array(bytes.prefix(count))
    #expect(startsHandshake(part))
    #expect(throws: Violation.shortHandshake(count: count)) { try decodeHandshake(part) }
  }

  @Test(arguments: 0..<20)
  func anyWrongByteOfTheNameIsForeign(index: Int) {
    var bytes: [UInt8] = []
    Self.handshake.append(to: &bytes)
    bytes[index] ^= 0x20
    #expect(!startsHandshake(Array(bytes.prefix(index + 1))))
    #expect(throws: Violation.foreignProtocol) { try decodeHandshake(bytes) }
  }

  @Test func randomPeerIDsHaveThePrefixAndDiffer() {
    let one = PeerID.random()
    #expect(String(decoding: one.bytes.prefix(8), as: UTF8.self) == "-AP0100-")
    #expect(one != PeerID.random())
    #expect(PeerID(one.bytes) == one)
    #expect(PeerID([1, 2]) == nil)
    #expect(
      PeerID.random(prefix: "a prefix that is far too long").bytes == Array("a prefix that is far".utf8))
  }

  @Test func descriptionEscapesWhatATerminalShouldNotSee() {
    let id = PeerID(Array("-AP0100-\u{1b}[2J%".utf8) + [UInt8](repeating: 0xff, count: 7))
    #expect(id?.description == "-AP0100-%1b[2J%25" + String(repeating: "%ff", count: 7))
  }

  @Test(arguments: [
    ("-AP0100-", "Apus 0.1"), ("-LT2080-", "libtorrent 2.0.8"), ("-LT20B0-", "libtorrent 2.0.11"),
    ("-lt0D80-", "rTorrent 0.13.8"), ("-TR3000-", "Transmission 3.00"), ("-TR2940-", "Transmission 2.94"),
    ("-TR4050-", "Transmission 4.0.5"), ("-qB4500-", "qBittorrent 4.5"), ("-DE211s-", "Deluge 2.1.1"),
    ("-UT3550-", "uTorrent 3.5.5"), ("A2-1-36-0-", "aria2 1.36.0"), ("M7-10-5--", "BitTorrent 7.10.5"),
    ("T03I-----", "BitTornado 0.3.18"), ("-WW0102-", "WebTorrent 1.2"), ("-ZQ1230-", "ZQ 1.2.3"),
    ("-BC0193-", "BitComet 1.93"), ("-XL----", "Xunlei"),
  ])
  func clientsAreNamed(prefix: String, name: String) {
    #expect(ClientName.of(.random(prefix: prefix)) == name)
  }

  @Test(arguments: ["", "\u{1b}[31m", "--------", "-\u{0}\u{1}0100-", "M", "exbc"])
  func othersAreNot(prefix: String) {
    let bytes = Array(prefix.utf8) + [UInt8](repeating: 0x2a, count: 20 - prefix.utf8.count)
    let id = peerID(bytes)
    #expect(ClientName.of(id) == nil)
    #expect(ClientName.display(id) == "unknown client")
  }
}
