/// One message of the peer wire protocol (BEP 3, 5, 6, 10, 52).
///
/// Payloads are ranges into the buffer that was decoded: nothing is copied or allocated. Numbers are as
/// they came (0 … 2³²−1); whether a piece exists is for the receiver to say.
public enum Message: Hashable, Sendable {
  /// Nothing; shows that the peer lives.
  case keepAlive
  /// No more requests are served.
  case choke
  /// Requests are served.
  case unchoke
  /// The sender would request something if unchoked.
  case interested
  /// The sender would request nothing.
  case notInterested
  /// The sender has this piece.
  case have(Int)
  /// The pieces that the sender has; the receiver checks the length.
  case bitfield(Range<Int>)
  /// The sender wants this block.
  case request(BlockRequest)
  /// The bytes of a block.
  case piece(index: Int, begin: Int, Range<Int>)
  /// The sender does not need this block any more.
  case cancel(BlockRequest)
  /// The sender's DHT node (BEP 5).
  case port(UInt16)
  /// A piece that is cheap for the sender to serve (BEP 6).
  case suggest(Int)
  /// The sender has all pieces (BEP 6).
  case haveAll
  /// The sender has no piece (BEP 6).
  case haveNone
  /// This request will not be answered (BEP 6).
  case reject(BlockRequest)
  /// This piece may be requested even when choked (BEP 6).
  case allowedFast(Int)
  /// A message of the extension protocol (BEP 10); id 0 is its handshake.
  case extended(id: UInt8, Range<Int>)
  /// The sender wants nodes of a Merkle tree (BEP 52).
  case hashRequest(HashRequest)
  /// Nodes of a Merkle tree: 32 bytes each, the hashes asked for, then their uncles.
  case hashes(HashRequest, Range<Int>)
  /// This hash request will not be answered (BEP 52).
  case hashReject(HashRequest)
  /// A message that is not known here; to be ignored.
  case unknown(id: UInt8)
}

/// The numbers by which messages are named on the wire.
enum MessageID {
  static let choke: UInt8 = 0
  static let unchoke: UInt8 = 1
  static let interested: UInt8 = 2
  static let notInterested: UInt8 = 3
  static let have: UInt8 = 4
  static let bitfield: UInt8 = 5
  static let request: UInt8 = 6
  static let piece: UInt8 = 7
  static let cancel: UInt8 = 8
  static let port: UInt8 = 9
  static let suggest: UInt8 = 13
  static let haveAll: UInt8 = 14
  static let haveNone: UInt8 = 15
  static let reject: UInt8 = 16
  static let allowedFast: UInt8 = 17
  static let extended: UInt8 = 20
  static let hashRequest: UInt8 = 21
  static let hashes: UInt8 = 22
  static let hashReject: UInt8 = 23
}
