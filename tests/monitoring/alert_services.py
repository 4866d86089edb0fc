"""Slack, Microsoft Teams and Telegram at the end of the wire, as strict as their own documentation."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from tests.wire import WireAnswer, WireRequest

SLACK = "https://hooks.slack.com/services/TSAMPLE01/BSAMPLE01/sampletokensampletoken01"
TELEGRAM = "tgram://123456789:sample_token_of_a_bot_0123456789abcd/12315544/"
TEAMS_SECRET = "sample_signature_0123456789"


class Slack:
    """An incoming webhook. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks

    `shown` is what a reader sees: `&`, `<` and `>` come as entities, and what is between `<` and `>` is a link or a
    mention (https://docs.slack.dev/messaging/formatting-message-text).
    """

    place = "hooks.slack.com:443"
    _KEYS = frozenset({"text", "blocks", "attachments", "thread_ts", "mrkdwn", "username", "icon_url", "icon_emoji"})
    _ATTACHMENT = frozenset({
        "actions", "author_icon", "author_link", "author_name", "blocks", "color", "fallback", "fields", "footer",
        "footer_icon", "image_url", "mrkdwn_in", "pretext", "text", "thumb_url", "title", "title_link", "ts",
    })  # fmt: skip

    def __init__(self) -> None:
        self.shown: list[str] = []

    def __call__(self, request: WireRequest) -> WireAnswer:
        if request.path != "/services/TSAMPLE01/BSAMPLE01/sampletokensampletoken01":
            return WireAnswer(404, b"no_service")
        if request.headers["content-type"].partition(";")[0] != "application/json":
            return WireAnswer(400, b"invalid_payload")
        given = request.json()
        attachments = given.get("attachments", [])
        if set(given) - self._KEYS or any(set(one) - self._ATTACHMENT for one in attachments):
            return WireAnswer(400, b"invalid_payload")
        texts = [given.get("text", ""), *(one.get(name, "") for one in attachments for name in ("title", "text"))]
        if not any(texts):
            return WireAnswer(400, b"no_text")
        self.shown.append("\n".join(map(_slack_shown, filter(None, texts))))
        return WireAnswer(200, b"ok")


class Telegram:
    """The Bot API's sendMessage. https://core.telegram.org/bots/api#sendmessage"""

    place = "api.telegram.org:443"
    _PARAMETERS = frozenset({
        "business_connection_id", "chat_id", "message_thread_id", "text", "parse_mode", "entities",
        "link_preview_options", "disable_web_page_preview", "disable_notification", "protect_content",
        "allow_paid_broadcast", "message_effect_id", "reply_parameters", "reply_markup",
    })  # fmt: skip
    _MOST = 4096  # after the text's entities are read

    def __init__(self) -> None:
        self.shown: list[str] = []

    def __call__(self, request: WireRequest) -> WireAnswer:
        if request.path != "/bot123456789:sample_token_of_a_bot_0123456789abcd/sendMessage":
            return self._refusal(401, "Unauthorized")
        if request.headers["content-type"].partition(";")[0] != "application/json":
            return self._refusal(400, "Bad Request: message text is empty")
        given = request.json()
        if set(given) - self._PARAMETERS or str(given.get("chat_id")) != "12315544":
            return self._refusal(400, "Bad Request: chat not found")
        if given.get("parse_mode") != "HTML":
            return self._refusal(400, "Bad Request: unsupported parse_mode")
        try:
            text = _TelegramHtml.shown(given["text"])
        except ValueError as error:
            return self._refusal(400, f"Bad Request: can't parse entities: {error}")
        if not 0 < len(text) <= self._MOST:
            return self._refusal(400, "Bad Request: message is too long")
        self.shown.append(text)
        chat = {"id": 12315544, "type": "private"}
        return WireAnswer(200, {"ok": True, "result": {"message_id": 1, "date": 1, "chat": chat, "text": text}})

    def _refusal(self, status: int, description: str) -> WireAnswer:
        return WireAnswer(status, {"ok": False, "error_code": status, "description": description})


class Teams:
    """A workflow that posts to a channel "when a webhook request is received", with an adaptive card.

    https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook (schema of the request),
    https://adaptivecards.io/explorer/TextBlock.html; its text is Markdown, in which a sign is itself after a backslash.
    """

    place = "127.0.0.1:443"
    _TEXT_BLOCK = frozenset({
        "type", "text", "color", "fontType", "horizontalAlignment", "isSubtle", "maxLines", "size", "weight", "wrap",
        "style", "id", "height", "separator", "spacing", "isVisible",
    })  # fmt: skip

    def __init__(self) -> None:
        self.shown: list[str] = []

    def __call__(self, request: WireRequest) -> WireAnswer:
        query = {"api-version": "2016-06-01", "sp": "/triggers/manual/run", "sv": "1.0", "sig": TEAMS_SECRET}
        if request.path != "/workflows/sampleworkflow/triggers/manual/paths/invoke" or request.query != query:
            code = "DirectApiAuthorizationRequired"
            return WireAnswer(401, {"error": {"code": code, "message": "The request must be authenticated."}})
        given = request.json()
        [attachment] = given["attachments"]
        card = attachment["content"]
        wants = [
            request.headers["content-type"] == "application/json",
            set(given) == {"type", "attachments"} and given["type"] == "message",
            set(attachment) <= {"contentType", "contentUrl", "content"} and attachment.get("contentUrl") is None,
            attachment["contentType"] == "application/vnd.microsoft.card.adaptive",
            set(card) <= {"$schema", "type", "version", "body", "actions", "msteams"}
            and card["type"] == "AdaptiveCard",
            card["version"] in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5"),
            all(block["type"] == "TextBlock" and set(block) <= self._TEXT_BLOCK for block in card["body"]),
            "entities" not in card.get("msteams", {}),  # nobody is mentioned
        ]
        if not all(wants):
            return WireAnswer(400, {"error": {"code": "InvalidRequestContent", "message": f"{wants}"}})
        title, body = (block["text"] for block in card["body"])
        self.shown.append(f"{title}\n{_markdown_shown(body)}")
        return WireAnswer(202)


def _markdown_shown(text: str) -> str:
    if marked := re.search(r"(?<!\\)[*_`\[\]]", text):
        raise AssertionError(f"not escaped: {text[marked.start() :]}")
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", text)


def _slack_shown(text: str) -> str:
    if re.search(r"<(?!https?://)", text) or re.search(r"&(?!amp;|lt;|gt;)", text):
        raise AssertionError(f"not escaped: {text}")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


class _TelegramHtml(HTMLParser):
    """Of HTML style: https://core.telegram.org/bots/api#html-style"""

    _TAGS = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote"})
    _ENTITY = re.compile(r"&(?!lt;|gt;|amp;|quot;|#\d+;|#x[0-9a-fA-F]+;)")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[str] = []

    @classmethod
    def shown(cls, given: str) -> str:
        if named := cls._ENTITY.search(given):
            raise ValueError(f"unsupported entity at {named.start()}")
        reader = cls()
        reader.feed(given)
        reader.close()
        if reader.open:
            raise ValueError(f"no end tag for {reader.open[-1]}")
        return reader.text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._TAGS:
            raise ValueError(f'unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise ValueError(f'unexpected end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.text += data
