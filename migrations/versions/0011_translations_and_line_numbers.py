"""Sources whose lines are translations, and numbers of lines that are never given again.

For PostgreSQL, where a line had none before, also the full-text index, which knows it by that.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = 'meeting_id, id, rev, source_id, start, "end", speaker, text, words, overlap'
INDEX = "ix_segments_meeting_id_start"
TRIGGERS = ("segment_search_inserted", "segment_search_updated", "segment_search_deleted")

NUMBERED = (
    "ALTER TABLE segments DROP CONSTRAINT pk_segments",
    "ALTER TABLE segments ADD COLUMN number BIGSERIAL CONSTRAINT pk_segments PRIMARY KEY",
    "ALTER TABLE segments ADD CONSTRAINT uq_segments_meeting_id_id UNIQUE (meeting_id, id)",
)
UNNUMBERED = (
    "ALTER TABLE segments DROP CONSTRAINT uq_segments_meeting_id_id",
    "ALTER TABLE segments DROP COLUMN number",
    "ALTER TABLE segments ADD CONSTRAINT pk_segments PRIMARY KEY (meeting_id, id)",
)

# Words are what SQLite's unicode61 takes for words: small, and Latin letters without their marks. They are put together
# here and not by PostgreSQL's own parser, which would find addresses, versions and signs of numbers in what was said.
INDEXED = (
    r"""
    CREATE FUNCTION search_words(line text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT array(
            SELECT left(found[1], 255) FROM regexp_matches(
                normalize(
                    regexp_replace(
                        normalize(replace(lower(line COLLATE "und-x-icu"), 'ς', 'σ'), NFD),
                        '([a-z])[\u0300-\u036f]+', '\1', 'g'
                    ),
                    NFC
                ) COLLATE "und-x-icu",
                '[[:alnum:]¹²³¼½¾⅐-↉①-⓿][[:alnum:]\u0300-\u036f¹²³¼½¾⅐-↉①-⓿]*', 'g'
            ) WITH ORDINALITY AS words (found, place) ORDER BY place
        )
    $$
    """,
    """
    CREATE FUNCTION search_vector(line text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT coalesce(string_agg('''' || word || ''':' || least(place, 16383), ' '), '')::tsvector
        FROM unnest(search_words(line)) WITH ORDINALITY AS words (word, place)
    $$
    """,
    """
    CREATE FUNCTION search_query(terms text[], prefixes boolean[]) RETURNS tsquery
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT coalesce(string_agg(phrase, ' & '), '')::tsquery FROM (
            SELECT (
                SELECT string_agg(
                    '''' || word || '''' || CASE WHEN prefix AND place = most THEN ':*' ELSE '' END,
                    ' <-> ' ORDER BY place
                ) FROM (SELECT word, place, count(*) OVER () AS most
                        FROM unnest(search_words(term)) WITH ORDINALITY AS words (word, place)) AS counted
            ) AS phrase
            FROM unnest(terms, prefixes) AS asked (term, prefix)
        ) AS phrases
    $$
    """,
    """
    CREATE TABLE segment_search (
        number BIGINT CONSTRAINT pk_segment_search PRIMARY KEY
            CONSTRAINT fk_segment_search_segments REFERENCES segments (number) ON DELETE CASCADE,
        words tsvector NOT NULL
    )
    """,
    """
    INSERT INTO segment_search SELECT number, search_vector(text)
    FROM segments JOIN meetings ON meetings.id = segments.meeting_id AND meetings.kept
    """,
    "CREATE INDEX ix_segment_search_words ON segment_search USING gin (words)",
    """
    CREATE FUNCTION segment_search_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO segment_search SELECT new.number, search_vector(new.text)
        FROM meetings WHERE id = new.meeting_id AND kept;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION segment_search_updated() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE segment_search SET words = search_vector(new.text) WHERE number = new.number;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER segment_search_inserted AFTER INSERT ON segments
    FOR EACH ROW EXECUTE FUNCTION segment_search_inserted()
    """,
    """
    CREATE TRIGGER segment_search_updated AFTER UPDATE OF text ON segments
    FOR EACH ROW WHEN (old.text IS DISTINCT FROM new.text) EXECUTE FUNCTION segment_search_updated()
    """,
)
UNINDEXED = (
    "DROP TRIGGER segment_search_updated ON segments",
    "DROP TRIGGER segment_search_inserted ON segments",
    "DROP FUNCTION segment_search_updated()",
    "DROP FUNCTION segment_search_inserted()",
    "DROP TABLE segment_search",
    "DROP FUNCTION search_query(text[], boolean[])",
    "DROP FUNCTION search_vector(text)",
    "DROP FUNCTION search_words(text)",
)


def upgrade() -> None:
    """Add the column, and give the lines' numbers a column of their own."""
    op.add_column("sources", sa.Column("translate", sa.Boolean(), server_default=sa.false(), nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        _execute(*NUMBERED, *INDEXED)
        return
    number = sa.Column("number", WholeNumber, nullable=False)
    key = sa.UniqueConstraint("meeting_id", "id", name="uq_segments_meeting_id_id")
    _rebuild(
        [number], [sa.PrimaryKeyConstraint("number", name="pk_segments"), key], "number", sqlite_autoincrement=True
    )


def downgrade() -> None:
    """Take both away; lines keep their numbers until one of a higher number is deleted."""
    if op.get_bind().dialect.name == "postgresql":
        _execute(*UNINDEXED, *UNNUMBERED)
        op.drop_column("sources", "translate")
        return
    _rebuild([], [sa.PrimaryKeyConstraint("meeting_id", "id", name="pk_segments")], "rowid")
    op.drop_column("sources", "translate")


def _execute(*statements: str) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


def _rebuild(columns: list[sa.Column[int]], keys: list[sa.Constraint], number: str, **options: bool) -> None:
    """Put the lines into another table, each under its own number, by which the full-text index knows it."""
    connection = op.get_bind()
    known = sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    triggers = [connection.scalar(known, {"name": name}) for name in TRIGGERS]
    op.create_table(
        "segments_new",
        *columns,
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("id", Text(), nullable=False),
        sa.Column("rev", WholeNumber, nullable=False),
        sa.Column("source_id", Text(), nullable=False),
        sa.Column("start", WholeNumber, nullable=False),
        sa.Column("end", WholeNumber, nullable=False),
        sa.Column("speaker", Text(), nullable=True),
        sa.Column("text", Text(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("overlap", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_segments_meetings", ondelete="CASCADE"),
        *keys,
        **options,
    )
    op.execute(f"INSERT INTO segments_new ({number}, {COLUMNS}) SELECT rowid, {COLUMNS} FROM segments ORDER BY rowid")
    op.drop_table("segments")  # and with it its index and its triggers
    op.rename_table("segments_new", "segments")
    op.create_index(INDEX, "segments", ["meeting_id", "start"])
    for trigger in triggers:
        op.execute(trigger)
