import HTTPServer
import JSON

/// One thing that can be asked for: how it is described and how it is answered. The list of all is
/// `TrackerService.routes`, which requests are dispatched by and the OpenAPI description is made of.
struct APIRoute: Sendable {
  /// A parameter of the query.
  struct Parameter: Sendable {
    var name: String
    var about: String
    var schema: JSONValue
  }

  var method = "GET"
  /// Parts in braces stand for anything.
  var path: String
  var summary: String
  var parameters: [Parameter] = []
  var needsToken = false
  /// Whether it tells which torrents there are.
  var listsTorrents: Bool { path.hasPrefix("/api/torrents") }
  /// What kind of text the answer is.
  var contentType = "application/json"
  /// The form of a JSON answer.
  var schema: JSONValue = ["type": "object"]
  /// `nil` for what is answered elsewhere and only described here.
  var answer: (@Sendable (TrackerService, APIRequest) -> HTTPResponse)?

  func matches(_ parts: [Substring]) -> Bool {
    let pattern = path.split(separator: "/")
    return pattern.count == parts.count
      && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
  }

  /// The part of OpenAPI's document that is about this.
  var description: JSONValue {
    let names = path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
    var listed = names.map { name -> JSONValue in
      [
        "name": .string(String(name)), "in": "path", "required": true, "schema": ["type": "string"],
      ]
    }
    listed += parameters.map {
      ["name": .string($0.name), "in": "query", "description": .string($0.about), "schema": $0.schema]
    }
    var content: JSONValue = ["schema": ["type": "string"]]
    if contentType == "application/json" { content = ["schema": schema] }
    var members: [JSONValue.Member] = [
      .init("summary", .string(summary)), .init("parameters", .array(listed)),
    ]
    if needsToken { members.append(.init("security", [["token": []]])) }
    var responses: [JSONValue.Member] = [
      .init(
        "200",
        ["description": "The answer.", "content": .object([.init(contentType, content)])])
    ]
    if needsToken { responses.append(.init("401", ["description": "The token is missing or wrong."])) }
    if path.hasPrefix("/api/") {
      responses.append(.init("400", ["description": "A parameter makes no sense."]))
      responses.append(.init("404", ["description": "There is no such thing."]))
    }
    members.append(.init("responses", .object(responses)))
    return .object(members)
  }
}

extension APIRoute.Parameter {
  /// A whole number within bounds.
  static func number(_ name: String, _ about: String, _ bounds: ClosedRange<Int>, usual: Int) -> Self {
    Self(
      name: name, about: about,
      schema: [
        "type": "integer", "minimum": JSONValue(bounds.lowerBound), "maximum": JSONValue(bounds.upperBound),
        "default": JSONValue(usual),
      ])
  }

  /// One of some words.
  static func choice(_ name: String, _ about: String, _ words: [String], usual: String) -> Self {
    Self(
      name: name, about: about,
      schema: ["type": "string", "enum": .array(words.map { .string($0) }), "default": .string(usual)])
  }

  /// Any text.
  static func text(_ name: String, _ about: String) -> Self {
    Self(name: name, about: about, schema: ["type": "string"])
  }
}
