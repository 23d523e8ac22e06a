import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Refuses } from '../../http/openapi.js';
import { Checked, Nothing } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { TERMS_SCHEMA } from '../terms-schema.js';

const MEDIA_TYPE = 'application/schema+json';

@ApiTags('promotions')
@Controller('v1/schemas')
export class SchemasController {
  @Get('promotion-terms')
  @Needs('ledger:read', 'anybody')
  @Header('content-type', MEDIA_TYPE)
  @ApiOperation({ summary: 'The language of promotion terms as a JSON Schema (draft 2020-12).' })
  @ApiResponse({
    status: 200,
    description: 'The schema of documents of every version.',
    content: {
      [MEDIA_TYPE]: {
        schema: { type: 'object', additionalProperties: true, description: 'A JSON Schema, draft 2020-12.' },
        example: { $schema: TERMS_SCHEMA['$schema'], $id: TERMS_SCHEMA['$id'], title: TERMS_SCHEMA['title'] },
      },
    },
  })
  @Refuses('invalid-command')
  promotionTerms(@Query(Checked) _query: Nothing): object {
    return TERMS_SCHEMA;
  }
}
