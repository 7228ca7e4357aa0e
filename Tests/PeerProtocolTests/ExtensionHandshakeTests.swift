import Addresses
import Bytes
import PeerProtocol
import Testing

@Suite struct ExtensionHandshakeTests {
  static func decode(_ text: String) throws(Violation) -> ExtensionHandshake {
    try extensionHandshake(Array(text.utf8))
  }

  @Test func theExampleOfBEP10() throws {
    let text = "d1:md11:LT_metadatai1e6:\u{b5}TPEXi2ee1:pi6881e1:v13:\u{b5}Torrent 1.2e"
    let handshake = try Self.decode(text)
    #expect(handshake.id(of: "LT_metadata") == 1)
    #expect(handshake.id(of: "\u{b5}TPEX") == 2)
    #expect(handshake.id(of: "ut_pex") == nil)
    #expect(handshake.port == 6881)
    #expect(handshake.client == "\u{b5}Torrent 1.2")
    #expect(String(decoding: handshake.encoded(), as: UTF8.self) == text)
  }

  @Test func roundTripOfEverything() throws {
    var handshake = ExtensionHandshake()
    for kind in ExtensionKind.allCases { handshake.messages[kind.name] = kind.rawValue }
    handshake.client = "Apus 0.1.0"
    handshake.port = 51413
    handshake.requestQueue = 2000
    handshake.yourAddress = IPAddress("2001:db8::1")
    handshake.ipv4 = IPAddress("192.0.2.7")
    handshake.ipv6 = IPAddress("2001:db8::2")
    handshake.metadataSize = 1 << 20
    handshake.isUploadOnly = true
    handshake.completeAgo = 0
    #expect(try extensionHandshake(handshake.encoded()) == handshake)
    #expect(Set(ExtensionKind.allCases.map(\.rawValue)).count == ExtensionKind.allCases.count)
  }

  @Test func unsortedKeysAndTrailingBytesAreTaken() throws {
    let handshake = try Self.decode("d1:v3:abc4:reqqi250e1:mdeexyz")
    #expect(handshake.client == "abc")
    #expect(handshake.requestQueue == 250)
  }

  @Test(arguments: [
    "d1:mi5e1:p3:abc4:reqq1:xe", "d1:md1:ai256e1:bi-1e1:c1:xe1:pi65536e4:reqqi-1ee",
    "d1:pi0e4:reqqi0e6:yourip3:abce", "d13:metadata_sizei-5e4:ipv416:aaaaaaaaaaaaaaaae",
    "d4:ipv64:aaaa1:v2:\u{1}\u{7f}e", "d13:metadata_sizei99999999999ee", "de",
  ])
  func wrongEntriesCountAsAbsent(text: String) throws {
    #expect(try Self.decode(text) == ExtensionHandshake())
  }

  @Test(arguments: ["", "i1e", "le", "d1:me", "d1:m", "4:spam", "d1:mdee".dropLast().description])
  func whatIsNoDictionaryIsAViolation(text: String) {
    #expect(throws: Violation.malformedExtension(name: "extension handshake")) { try Self.decode(text) }
  }

  @Test func tooLargeIsAViolation() {
    let text = "d1:v20000:" + String(repeating: "x", count: 20000) + "e"
    #expect(throws: Violation.self) { try Self.decode(text) }
  }

  @Test func numberOfMessagesIsBounded() throws {
    let names = (100..<400).map { "3:\($0)i1e" }.joined()
    let handshake = try Self.decode("d1:md\(names)ee")
    #expect(handshake.messages.count == 64)
    let long = try Self.decode("d1:md65:" + String(repeating: "x", count: 65) + "i1eee")
    #expect(long.messages.isEmpty)
  }

  @Test func clientNamesAreFitForATerminal() throws {
    let handshake = try Self.decode("d1:v15:a\u{1b}[31m\u{202e}b\u{2066}\u{9}ce")
    #expect(handshake.client == "a[31mbc")
    let name = String(repeating: "y", count: 100)
    #expect(try Self.decode("d1:v100:\(name)e").client?.count == 64)
  }

  @Test func laterHandshakesAddToEarlierOnes() throws {
    var handshake = try Self.decode("d1:md6:ut_pexi2e11:ut_metadatai3ee1:v1:ae")
    handshake.merge(try Self.decode("d1:md6:ut_pexi0e11:lt_donthavei9ee4:reqqi100ee"))
    #expect(handshake.id(of: "ut_pex") == nil)
    #expect(handshake.id(of: "ut_metadata") == 3)
    #expect(handshake.id(of: "lt_donthave") == 9)
    #expect(handshake.client == "a")
    #expect(handshake.requestQueue == 100)
  }

  @Test func donthaveOfBEP54() throws {
    var frame: [UInt8] = []
    frame.append(donthave: 258, id: 7)
    let payload = Array(frame.dropFirst(6))
    #expect(try extensionMessage(.donthave, payload) == .donthave(piece: 258))
    for count in [0, 3, 5] {
      let wrong = [UInt8](repeating: 0, count: count)
      #expect(throws: Violation.malformedExtension(name: "lt_donthave")) {
        try extensionMessage(.donthave, wrong)
      }
    }
  }

  @Test func uploadOnly() throws {
    #expect(try extensionMessage(.uploadOnly, [1]) == .uploadOnly(true))
    #expect(try extensionMessage(.uploadOnly, [0]) == .uploadOnly(false))
    #expect(throws: Violation.self) { try extensionMessage(.uploadOnly, []) }
    #expect(try extensionMessage(.metadata, []) == nil)
  }
}
