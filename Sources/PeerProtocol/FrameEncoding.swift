public import Bytes
public import Digest

/// Whole frames, appended to a buffer without intermediate arrays; numbers must fit 32 bits.
extension [UInt8] {
  private mutating func appendFrame(_ id: UInt8, payload count: Int) {
    append(bigEndian: UInt32(count + 1))
    append(id)
  }

  private mutating func appendFrame(_ id: UInt8, index: Int) {
    appendFrame(id, payload: 4)
    append(bigEndian: UInt32(index))
  }

  private mutating func appendFrame(_ id: UInt8, block: BlockRequest) {
    appendFrame(id, payload: BlockRequest.byteCount)
    block.append(to: &self)
  }

  private mutating func append(bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { unsafe append(contentsOf: $0) }
  }

  /// Appends a keep-alive.
  public mutating func appendKeepAlive() { append(bigEndian: UInt32(0)) }

  /// Appends `choke`.
  public mutating func appendChoke() { appendFrame(MessageID.choke, payload: 0) }

  /// Appends `unchoke`.
  public mutating func appendUnchoke() { appendFrame(MessageID.unchoke, payload: 0) }

  /// Appends `interested`.
  public mutating func appendInterested() { appendFrame(MessageID.interested, payload: 0) }

  /// Appends `not interested`.
  public mutating func appendNotInterested() { appendFrame(MessageID.notInterested, payload: 0) }

  /// Appends `have all` (BEP 6).
  public mutating func appendHaveAll() { appendFrame(MessageID.haveAll, payload: 0) }

  /// Appends `have none` (BEP 6).
  public mutating func appendHaveNone() { appendFrame(MessageID.haveNone, payload: 0) }

  /// Appends `have` for a piece.
  public mutating func append(have piece: Int) { appendFrame(MessageID.have, index: piece) }

  /// Appends `suggest piece` (BEP 6).
  public mutating func append(suggest piece: Int) { appendFrame(MessageID.suggest, index: piece) }

  /// Appends `allowed fast` (BEP 6).
  public mutating func append(allowedFast piece: Int) { appendFrame(MessageID.allowedFast, index: piece) }

  /// Appends `bitfield`. O(pieces / 8).
  public mutating func append(bitfield: Bitfield) {
    let count = (bitfield.count + 7) / 8
    appendFrame(MessageID.bitfield, payload: count)
    for index in 0..<count {
      append(UInt8(truncatingIfNeeded: bitfield.word(index / 8) >> UInt64(56 - index % 8 * 8)))
    }
  }

  /// Appends `request`.
  public mutating func append(request block: BlockRequest) { appendFrame(MessageID.request, block: block) }

  /// Appends `cancel`.
  public mutating func append(cancel block: BlockRequest) { appendFrame(MessageID.cancel, block: block) }

  /// Appends `reject request` (BEP 6).
  public mutating func append(reject block: BlockRequest) { appendFrame(MessageID.reject, block: block) }

  /// Appends the 13 bytes that precede a block of `length` bytes, for payloads that are written from elsewhere.
  public mutating func append(pieceHeader block: BlockRequest) {
    appendFrame(MessageID.piece, payload: 8 + block.length)
    append(bigEndian: UInt32(block.piece))
    append(bigEndian: UInt32(block.begin))
  }

  /// Appends a whole `piece` message. O(bytes), one copy.
  public mutating func append(piece: Int, begin: Int, payload: RawSpan) {
    append(pieceHeader: BlockRequest(piece: piece, begin: begin, length: payload.byteCount))
    append(bytes: payload)
  }

  /// Appends `port`, the DHT node's (BEP 5).
  public mutating func append(port: UInt16) {
    appendFrame(MessageID.port, payload: 2)
    append(bigEndian: port)
  }

  /// Appends an extension message under the id that its receiver gave it (BEP 10).
  public mutating func append(extended id: UInt8, payload: RawSpan) {
    appendFrame(MessageID.extended, payload: 1 + payload.byteCount)
    append(id)
    append(bytes: payload)
  }

  /// Appends `hash request` (BEP 52).
  public mutating func append(hashRequest request: HashRequest) {
    appendFrame(MessageID.hashRequest, payload: HashRequest.byteCount)
    request.append(to: &self)
  }

  /// Appends `hash reject` (BEP 52).
  public mutating func append(hashReject request: HashRequest) {
    appendFrame(MessageID.hashReject, payload: HashRequest.byteCount)
    request.append(to: &self)
  }

  /// Appends `hashes` (BEP 52): the answer to `request`, base layer first, then the uncles.
  public mutating func append(hashes: [SHA256Digest], answering request: HashRequest) {
    appendFrame(MessageID.hashes, payload: HashRequest.byteCount + hashes.count * SHA256Digest.byteCount)
    request.append(to: &self)
    for hash in hashes { hash.append(to: &self) }
  }
}
