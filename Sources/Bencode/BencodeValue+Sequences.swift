extension BencodeValue {
  /// The elements of a list, walked without an array.
  public struct Elements: Sequence, IteratorProtocol, Sendable {
    let storage: BencodeDocument.Storage
    var index: Int
    let end: Int

    /// The next element.
    public mutating func next() -> BencodeValue? {
      guard index < end else { return nil }
      defer { index = Int(storage.tokens[index].next) }
      return BencodeValue(storage: storage, index: index)
    }
  }

  /// The entries of a dictionary, walked without an array.
  public struct Members: Sequence, IteratorProtocol, Sendable {
    var elements: Elements

    /// The next entry; the key is a string.
    public mutating func next() -> (key: BencodeValue, value: BencodeValue)? {
      guard let key = elements.next(), let value = elements.next() else { return nil }
      return (key, value)
    }
  }

  /// The elements of a list in order, or `nil` if the value is no list.
  public var elements: Elements? {
    guard token.kind == .list else { return nil }
    return Elements(storage: storage, index: index + 1, end: Int(token.next))
  }

  /// The entries of a dictionary in the document's order, or `nil` if the value is no dictionary.
  public var members: Members? {
    guard token.kind == .dictionary else { return nil }
    return Members(elements: Elements(storage: storage, index: index + 1, end: Int(token.next)))
  }
}
