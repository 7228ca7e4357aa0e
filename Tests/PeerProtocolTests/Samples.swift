import Bytes
import Digest
import PeerProtocol
import Testing

/// A message, its bytes on the wire, and what its payload ranges hold.
struct Sample: Sendable, CustomTestStringConvertible {
  var name: String
  var bytes: [UInt8]
  var message: Message
  var testDescription: String { name }

  init(_ name: String, _ message: Message, _ encode: (inout [UInt8]) -> Void) {
    self.name = name
    self.message = message
    bytes = []
    encode(&bytes)
  }

  static let block = BlockRequest(piece: 0x0102_0304, begin: 0x4000, length: 0x4000)
  static let hashRequest = HashRequest(
    piecesRoot: digest([1, 2, 3]), baseLayer: 4, index: 512, length: 2, proofLayers: 9)

  static let all: [Sample] = [
    Sample("keep-alive", .keepAlive) { $0.appendKeepAlive() },
    Sample("choke", .choke) { $0.appendChoke() },
    Sample("unchoke", .unchoke) { $0.appendUnchoke() },
    Sample("interested", .interested) { $0.appendInterested() },
    Sample("not interested", .notInterested) { $0.appendNotInterested() },
    Sample("have", .have(0xffff_ffff)) { $0.append(have: 0xffff_ffff) },
    Sample("bitfield", .bitfield(5..<7)) { bytes in
      var bits = Bitfield(count: 11)
      bits[0] = true
      bits[10] = true
      bytes.append(bitfield: bits)
    },
    Sample("request", .request(block)) { $0.append(request: block) },
    Sample("piece", .piece(index: 7, begin: 16384, 13..<18)) {
      appendPiece(7, 16384, [1, 2, 3, 4, 5], to: &$0)
    },
    Sample("cancel", .cancel(block)) { $0.append(cancel: block) },
    Sample("port", .port(6881)) { $0.append(port: 6881) },
    Sample("suggest", .suggest(3)) { $0.append(suggest: 3) },
    Sample("have all", .haveAll) { $0.appendHaveAll() },
    Sample("have none", .haveNone) { $0.appendHaveNone() },
    Sample("reject", .reject(block)) { $0.append(reject: block) },
    Sample("allowed fast", .allowedFast(1059)) { $0.append(allowedFast: 1059) },
    Sample("extended", .extended(id: 3, 6..<9)) { appendExtended(3, [9, 8, 7], to: &$0) },
    Sample("donthave", .extended(id: 7, 6..<10)) { $0.append(donthave: 258, id: 7) },
    Sample("hash request", .hashRequest(hashRequest)) { $0.append(hashRequest: hashRequest) },
    Sample("hashes", .hashes(hashRequest, 53..<117)) {
      $0.append(hashes: [.zero, digest([])], answering: hashRequest)
    },
    Sample("hash reject", .hashReject(hashRequest)) { $0.append(hashReject: hashRequest) },
    Sample("unknown", .unknown(id: 99)) { $0 += [0, 0, 0, 3, 99, 1, 2] },
  ]
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
